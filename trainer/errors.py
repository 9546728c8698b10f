"""What can go wrong in a training job that its user can mend; the text says how."""


class TrainerError(Exception):
    """Printed without a traceback."""


class DatasetError(TrainerError):
    """MNIST cannot be had, or a file of it is not what it should be."""


class PoorModelError(TrainerError):
    """What was trained is not fit to be served."""


class WorkerError(TrainerError):
    """A process that made pictures has died."""
