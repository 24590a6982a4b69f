"""Declarations of the commands: names, arguments, options and help. They import click alone."""
