"""The demonstration: a repository of its own, an AWS account of its own, and its result."""

from typing import TYPE_CHECKING

from phasegate.core.faces import lazily

if TYPE_CHECKING:
    from phasegate.demo.aws_account import account as account


__getattr__ = lazily(__name__, __file__)
