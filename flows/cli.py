"""The command line.

Each command loads what it needs when it runs, so that help is instant and serving works where the
training libraries are not installed.

Results go to stdout and everything else to stderr. Exit codes: 0 done, 1 it ran and the answer is
no, 2 used wrongly or the input cannot be used. Errors are one line on stderr; with `--json` stdout
has one object in any case, which is {"error": {"kind", "message"}} after an error.
"""

import contextlib
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated, cast, get_args

import typer

from credit.plan import FamilyName, PresetName
from flows.commands.console import MISUSED, exit_code, one_line, print_json, stderr

app = typer.Typer(
    name="creditloop",
    help="Train, serve and score with a credit model. State lives in CREDITLOOP_HOME.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Dataset = Annotated[
    str | None,
    typer.Option(help="A data set's name or the path of its spec; default: the settings'."),
]
Data = Annotated[
    str | None,
    typer.Option(help="A csv, csv.gz or parquet file instead of the spec's source."),
]
Digest = Annotated[
    str | None,
    typer.Option(help="A package's digest or its beginning; default: the one in production."),
]

FAMILIES: tuple[FamilyName, ...] = get_args(FamilyName)


def _family(name: str) -> str:
    if name not in FAMILIES:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(FAMILIES)}")
    return name


@app.command()
def train(
    dataset: Dataset = None,
    preset: Annotated[
        PresetName, typer.Option(help="How far to search: for a first look, or for production.")
    ] = "quick",
    family: Annotated[
        list[str] | None,
        typer.Option(
            parser=_family,
            metavar=f"[{'|'.join(FAMILIES)}]",
            help="A family to train, once for each; default: all of the preset.",
        ),
    ] = None,
    data: Data = None,
    promote: Annotated[
        bool,
        typer.Option(help="Ask for production, or only keep the champion.", show_default=True),
    ] = True,
    json: Json = False,
) -> None:
    """Train all families on a data set, examine the best one and ask for production.

    The best of this training, its champion, replaces the model in production when it passes the
    gates. Where only a person may decide it waits for `creditloop promote`. Model card, validation
    report and adverse-action table say why. Exits with 1 when the gates refuse it.
    """
    from flows.commands.train import run

    run(dataset, preset, cast(list[FamilyName] | None, family), data, promote, json)


@app.command()
def evaluate(
    dataset: Dataset = None,
    data: Data = None,
    digest: Digest = None,
    matured: Annotated[
        bool,
        typer.Option(
            "--matured", help="Measure it on what has matured of the ledger, and store the report."
        ),
    ] = False,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="With --matured, the time to look from, such as 2026-03-01T02:00, in UTC; "
            "default: now.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Measure the model in production: on its test part, all rows of a file, or the ledger's.

    Of the ledger's decisions those count that were approved, whose outcomes are known, and whose
    full horizon has passed since the model was deployed.
    """
    from flows.commands.evaluate import run, run_matured

    if matured:
        run_matured(dataset, data, digest, at, json)
    else:
        run(dataset, data, digest, at, json)


@app.command()
def retrain(
    why: Annotated[str | None, typer.Option(help="The reason, for the record.")] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for its end; without Prefect, run it here.")
    ] = False,
    dataset: Dataset = None,
    json: Json = False,
) -> None:
    """Ask for the model to be trained again on newly matured outcomes; one at a time.

    A run takes it up at once where PREFECT_API_URL is set, else with the next dispatch. With --wait
    it exits with 1 when no new model came into production.
    """
    from flows.commands.retrain import run

    run(dataset, why, wait, json)


@app.command()
def score(
    file: Annotated[str, typer.Argument(help="A csv, csv.gz or parquet file of applications.")],
    dataset: Dataset = None,
    digest: Digest = None,
    output: Annotated[
        Path | None, typer.Option(help="Write the scores to this csv file.", dir_okay=False)
    ] = None,
    json: Json = False,
) -> None:
    """Decide on a file of applications without a server; rows that cannot be scored say why.

    Each gets the probability of default, score, decision and reasons that the service would answer,
    and none is stored. Exits with 1 when no row could be scored.
    """
    from flows.commands.score import run

    run(file, dataset, digest, output, json)


@app.command()
def serve(
    dataset: Dataset = None,
    host: Annotated[
        str | None, typer.Option(help="Where to listen; without API keys a loopback address only.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Where to listen; default: the settings'.")
    ] = None,
) -> None:
    """Serve the model in production over HTTP until Ctrl-C.

    A model that is promoted or rolled back meanwhile is served without a restart.
    """
    from flows.commands.serve import run

    run(dataset, host, port)


@app.command()
def models(dataset: Dataset = None, json: Json = False) -> None:
    """List what is in production, what ever was or asked for it, and the packages that are kept."""
    from flows.commands.models import run

    run(dataset, json)


@app.command()
def promote(
    promotion: Annotated[
        str | None,
        typer.Argument(help="A waiting promotion's id or its beginning; default: list them."),
    ] = None,
    why: Annotated[str | None, typer.Option(help="The reason; a decision needs one.")] = None,
    reject: Annotated[
        bool, typer.Option("--reject", help="Keep it out of production instead.")
    ] = False,
    json: Json = False,
) -> None:
    """List what waits for a person, or decide on it with an approve key.

    The key comes from CREDITLOOP_KEY, a prompt or stdin. Who asked for a promotion cannot approve
    it, unless the settings say so. Exits with 1 when the key or the promotion does not allow it.
    """
    from flows.commands.promote import run

    run(promotion, why, reject, json)


@app.command()
def rollback(
    why: Annotated[str, typer.Option(help="The reason, for the history.")],
    to: Annotated[
        str | None,
        typer.Option(
            metavar="DIGEST",
            help="A digest that was in production, or its beginning; default: the one before.",
        ),
    ] = None,
    dataset: Dataset = None,
    json: Json = False,
) -> None:
    """Put the model before the current one back in production, at once.

    No key is needed: the history keeps the user who did it, and the reason. Exits with 1 when
    there is none or its package does not verify.
    """
    from flows.commands.rollback import run

    run(dataset, why, to, json)


@app.command()
def shadow(
    digest: Annotated[
        str | None,
        typer.Argument(
            metavar="DIGEST", help="A kept package's digest or its beginning; default: show."
        ),
    ] = None,
    why: Annotated[str | None, typer.Option(help="The reason; a change needs one.")] = None,
    stop: Annotated[bool, typer.Option("--stop", help="End the challenger.")] = False,
    dataset: Dataset = None,
    json: Json = False,
) -> None:
    """Let a challenger score what the champion decides, or compare both.

    Its decisions are stored apart and answer nobody.
    """
    from flows.commands.shadow import run

    run(dataset, digest, stop, why, json)


@app.command()
def verify(
    decision: Annotated[
        str | None, typer.Argument(metavar="ID", help="A decision's id, to recompute that one.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Recompute N decisions drawn at random.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Draw the same sample again; default: another.")
    ] = None,
    all_decisions: Annotated[bool, typer.Option("--all", help="Recompute all decisions.")] = False,
    chain: Annotated[
        bool, typer.Option("--chain", help="Look for changed and removed decisions instead.")
    ] = False,
    dataset: Annotated[
        str | None, typer.Option(help="A data set's name; default: all. Chains have all.")
    ] = None,
    json: Json = False,
) -> None:
    """Recompute stored decisions with their packages, or verify the ledger's chains and anchors.

    Probability, score, decision and reasons must come out exactly as they are stored. Exits with
    1 when one does not or cannot be recomputed, or when a chain is not intact.
    """
    from flows.commands.verify import run

    run(decision, sample, seed, all_decisions, chain, dataset, json)


@app.command()
def anchor(json: Json = False) -> None:
    """Write where the ledger's chains stand to a new file outside of it, for `verify --chain`."""
    from flows.commands.anchor import run

    run(json)


@app.command("drift-check")
def drift_check(
    dataset: Dataset = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="Where the window ends, such as 2026-03-01T02:00, in UTC; default: now. The next "
            "window begins there.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Judge the decisions since the last check beside the champion's reference.

    Stores the verdict, draws a page, recomputes a sample of all decisions, anchors the ledger and
    notifies those whom the settings name. Exits with 1 when the window is not calm, a decision
    came out otherwise, or something could not be done.
    """
    from flows.commands.drift_check import run

    run(dataset, at, json)


@app.command()
def purge(
    months: Annotated[
        int, typer.Option(min=1, help="Erase what is about persons in older decisions.")
    ] = 25,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Erase fields, application ids and protected attributes of old decisions for good.

    What was decided, when and by which model stays, and so do the hashes. Legal holds are passed
    by. A purge that was interrupted is gone on with by the next one.
    """
    from flows.commands.purge import run

    run(months, dry_run, yes, json)


@app.command()
def hold(
    decision: Annotated[str, typer.Argument(metavar="ID", help="A decision's id.")],
    why: Annotated[str, typer.Option(help="The reason, for the record.")],
    lift: Annotated[bool, typer.Option("--lift", help="End the hold instead.")] = False,
    json: Json = False,
) -> None:
    """Keep a decision from being purged, for a dispute or an examination, or let it go again."""
    from flows.commands.hold import run

    run(decision, why, lift, json)


@app.command("refer-all")
def refer_all(
    switch: Annotated[
        str | None, typer.Argument(metavar="[on|off]", help="Default: show the switch.")
    ] = None,
    why: Annotated[str | None, typer.Option(help="The reason; a change needs one.")] = None,
    dataset: Dataset = None,
    json: Json = False,
) -> None:
    """Send every application to a person, at once, or let the model decide again.

    No decision that is stored after `on` was made without it.
    """
    from flows.commands.refer_all import run

    run(switch, why, dataset, json)


keys = typer.Typer(
    help="API keys of people and jobs. From the first admin key on, only admins make and end them.",
    no_args_is_help=True,
)
app.add_typer(keys, name="keys")


@keys.command("create")
def create_key(
    owner: Annotated[
        str,
        typer.Option(
            help="The person's user name, or the job's name; who asked for a promotion is told "
            "by it."
        ),
    ],
    role: Annotated[
        list[str],
        typer.Option(
            metavar="ROLE",
            help="score, outcome, review and monitor open the service's routes of that name; "
            "fairness reads protected attributes, approve decides on promotions, admin makes "
            "and ends keys and opens all but those two. Once for each.",
        ),
    ],
    json: Json = False,
) -> None:
    """Make a key and print it, this once."""
    from flows.commands.keys import create

    create(owner, role, json)


@keys.command("list")
def list_keys(json: Json = False) -> None:
    """List all keys with their owners and roles."""
    from flows.commands.keys import show

    show(json)


@keys.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `keys list` has it.")],
    json: Json = False,
) -> None:
    """End a key for good."""
    from flows.commands.keys import revoke

    revoke(key, json)


@app.command()
def spec(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="A data file, or specs with --check.")
    ],
    check: Annotated[bool, typer.Option("--check", help="Validate dataset specs.")] = False,
    output: Annotated[
        Path | None, typer.Option(help="Write the draft here; default: stdout.", dir_okay=False)
    ] = None,
    json: Json = False,
) -> None:
    """Draft a commented dataset spec from a data file, or check specs."""
    from flows.commands.spec import run

    run(files, check, output, json)


@app.command()
def doctor(json: Json = False) -> None:
    """Check that everything Creditloop needs is there; exits with 1 when something is not."""
    from flows.commands.doctor import run

    run(json)


@app.command()
def demo(dataset: Dataset = None) -> None:
    """Train on sample data, let a person decide, serve the model and score one applicant.

    Where the gates leave the decision to people, an approve key is made, used and revoked.
    """
    from flows.commands.demo import run

    run(dataset)


@app.command()
def up(
    prefect_port: Annotated[int, typer.Option(min=1, max=65535, help="Prefect's page.")] = 4200,
    mlflow_port: Annotated[int, typer.Option(min=1, max=65535, help="MLflow's page.")] = 5000,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The scorer's; default: the settings'.")
    ] = None,
) -> None:
    """Run Prefect with its schedules, MLflow and the scorer until Ctrl-C."""
    from flows.commands.up import run

    run(prefect_port, mlflow_port, port)


def main() -> None:
    """Run a command; known errors are one line."""
    signal.signal(signal.SIGTERM, _leave)
    try:
        sys.exit(_run())
    except KeyboardInterrupt:
        sys.exit(130)


def _run() -> int:
    wants_json = "--json" in sys.argv
    try:
        # Only print_json may write to stdout then, whatever a library prints.
        with contextlib.redirect_stdout(sys.stderr) if wants_json else contextlib.nullcontext():
            return app(standalone_mode=False) or 0
    except typer.TyperException as error:
        return _report(error, f"{error.format_message()}; see --help", MISUSED, wants_json)
    except typer.Abort:
        return 130
    except Exception as error:
        code = exit_code(error)
        if code is None:
            raise
        return _report(error, one_line(error), code, wants_json)


def _report(error: Exception, message: str, code: int, wants_json: bool) -> int:
    stderr().print(f"creditloop: {message}", style="red", soft_wrap=True, markup=False)
    if wants_json:
        print_json({"error": {"kind": type(error).__name__, "message": message}})
    return code


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End on SIGTERM as on Ctrl-C, so that servers of ours are stopped."""
    raise KeyboardInterrupt
