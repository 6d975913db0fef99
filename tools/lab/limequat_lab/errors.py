"""What can go wrong, with the exit code that the command line answers (docs/lab.md)."""


class LabError(Exception):
    """A failure that the message explains; never a defect of this program."""

    exit_code = 1


class UsageError(LabError):
    """The command cannot be carried out as it was given."""

    exit_code = 2


class MalformedError(LabError):
    """A file is not what its format says."""

    exit_code = 3


class NotFoundError(LabError):
    """No such lab or machine."""

    exit_code = 4


class UnavailableError(LabError):
    """A program is missing, or something did not start or answer in time."""

    exit_code = 6
