import stat

from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from configs.settings import load_settings
from tasks.documents.rendering import Document
from tasks.publishing import write_documents

DOCUMENTS = {"model-card": Document(b"<p>\xc3\xa9</p>", b"{}\n")}


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_documents_are_their_owners_and_so_are_the_embedded_stores_copies(tmp_path):
    settings = load_settings(home=tmp_path / "home")
    written = write_documents.fn(DOCUMENTS, "ab" * 32, "run-1", settings)

    html = settings.home / "documents" / "abababababab-run-1" / "model-card.html"
    assert written == {"model-card": html}
    assert html.read_bytes() == DOCUMENTS["model-card"].html
    assert html.with_suffix(".json").read_bytes() == DOCUMENTS["model-card"].json
    assert [mode(html), mode(html.with_suffix(".json"))] == [0o600, 0o600]

    store = tmp_path / "store"
    LocalArtifactRepository(str(store)).log_artifact(str(html), "documents")
    assert mode(store / "documents" / "model-card.html") == 0o600
