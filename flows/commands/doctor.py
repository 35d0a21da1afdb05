"""creditloop doctor."""

from dataclasses import asdict

from configs.settings import load_settings
from flows.commands.console import NO, print_json, stdout
from flows.commands.diagnosis import diagnose

SIGNS = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "failure": "[red]✗[/]"}


def run(json: bool) -> None:
    """Print a line for each check; exits with 1 after a failure."""
    console, findings = stdout(), []
    for finding in diagnose(load_settings()):
        findings.append(finding)
        if not json:
            remedy = f" → {finding.remedy}" if finding.remedy else ""
            console.print(SIGNS[finding.state], end=" ")
            console.print(
                f"{finding.check}: {finding.detail}{remedy}", markup=False, soft_wrap=True
            )
    healthy = all(finding.state != "failure" for finding in findings)
    if json:
        print_json({"healthy": healthy, "checks": [asdict(finding) for finding in findings]})
    if not healthy:
        raise SystemExit(NO)
