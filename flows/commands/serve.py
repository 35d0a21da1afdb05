"""creditloop serve."""

from configs.settings import load_settings
from flows.commands.console import stderr
from flows.commands.datasets import dataset_name
from flows.local.environment import set_quiet


def run(dataset: str | None, host: str | None, port: int | None) -> None:
    """Serve until Ctrl-C."""
    set_quiet()
    from services.serve import serve

    settings = load_settings()
    settings = settings.model_copy(update={"dataset": dataset_name(dataset, settings)})
    console = stderr()
    serve(
        settings,
        host or settings.serving.host,
        port or settings.serving.port,
        lambda line: console.print(line, soft_wrap=True),
    )
