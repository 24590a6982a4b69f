"""Log of channels that fail, with one line until the reason changes."""

import logging
import re

from phasegate.core import PhasegateError

_log = logging.getLogger("phasegate.mirror")


class Notices:
    """Remembers what was logged of each channel."""

    def __init__(self) -> None:
        self._said: dict[tuple[str, str], str] = {}
        """Of whom it was said, by channel and text."""

    def failed(self, channel: str, of: str, error: Exception) -> None:
        """Log why a channel was not told unless that was logged already, with a traceback for a failure of ours."""
        text = f"{error}; {error.fix}" if isinstance(error, PhasegateError) and error.fix else str(error)
        key = (channel, f"{type(error).__name__}: {_same(text)}")
        if key not in self._said:
            self._said[key] = of
            ours = error if not isinstance(error, PhasegateError) else None
            _log.warning("%s is not told: %s", channel, text, exc_info=ours, extra={"action": "mirror", "run": of})

    def worked(self, channel: str, of: str) -> None:
        """Log that a channel takes news again, where it did not."""
        over = [key for key, who in self._said.items() if key[0] == channel and who == of]
        for key in over:
            del self._said[key]
        if over:
            _log.info("%s is told again", channel, extra={"action": "mirror", "run": of})

    def left(self, channel: str, of: str, text: str) -> None:
        """Log what will not be told, or was left as people have it."""
        _log.warning("%s: %s", channel, text, extra={"action": "mirror", "run": of})


def _same(text: str) -> str:
    """The text without what differs from try to try: the tool that was called, and numbers."""
    return re.sub(r"[0-9]+", "0", re.sub(r"^[a-z]+\.[a-z_]+: ", "", text))
