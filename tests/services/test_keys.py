import hashlib

import pytest

from services import keys
from services.keys import KeyRefusedError, authenticate, create_key
from services.ledger import Ledger, LedgerError, open_ledger


@pytest.fixture
def ledger(tmp_path) -> Ledger:
    return open_ledger(f"sqlite:///{tmp_path / 'ledger.db'}")


def test_a_token_opens_its_key_for_its_roles_only(ledger):
    new = create_key(ledger, " ana ", ("approve", "review"))
    assert authenticate(ledger, new.token, "approve") == new.key
    assert authenticate(ledger, f" {new.token}\n", "review").owner == "ana"
    with pytest.raises(KeyRefusedError, match="of ana may approve, review, but this needs admin"):
        authenticate(ledger, new.token, "admin")


def test_only_a_hash_is_kept_and_the_token_is_not_in_any_repr(ledger, tmp_path):
    new = create_key(ledger, "ana", ("approve",))
    secret = (
        new.token.rpartition("_")[2] if new.token.count("_") == 2 else new.token.split("_", 2)[2]
    )
    assert new.key.hash == hashlib.sha256(secret.encode()).hexdigest()
    ledger.close()
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert new.key.id.encode() in stored
    assert secret.encode() not in stored
    assert secret not in repr(new)
    assert new.key.hash not in repr(new)


def test_tokens_have_256_random_bits(ledger):
    tokens = {create_key(ledger, "job", ("score",)).token for _ in range(5)}
    assert len(tokens) == 5
    assert all(len(token.split("_", 2)[2]) == 43 for token in tokens)  # 32 bytes in base64


def test_a_revoked_key_opens_nothing_and_keeps_its_time(ledger):
    new = create_key(ledger, "ana", ("approve",))
    revoked = ledger.revoke_key(new.key.id)
    assert revoked.revoked_at is not None
    assert ledger.revoke_key(new.key.id) == revoked
    with pytest.raises(KeyRefusedError, match="was revoked at"):
        authenticate(ledger, new.token, "approve")
    assert ledger.list_keys() == [revoked]


def test_unknown_keys_get_one_answer_and_the_same_work(ledger, monkeypatch):
    new = create_key(ledger, "ana", ("approve",))
    compared = []
    real = keys.hmac.compare_digest
    monkeypatch.setattr(
        keys.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or real(a, b)
    )
    wrong = [
        "",
        "nonsense",
        f"cl_{new.key.id}_",
        f"cl_{new.key.id}_wrong",
        f"cl_000000000000_{new.token.split('_', 2)[2]}",
        f"xx_{new.token.partition('_')[2]}",
        new.token[:-1],
        new.token + "x",
        new.key.hash,
        "\udcff",
    ]
    answers = set()
    for token in wrong:
        with pytest.raises(KeyRefusedError) as caught:
            authenticate(ledger, token, "approve")
        answers.add(str(caught.value))
    assert len(answers) == 1
    assert len(compared) == len(wrong)
    assert all(len(a) == len(b) == 64 for a, b in compared)


def test_the_hash_itself_opens_nothing(ledger):
    new = create_key(ledger, "ana", ("approve",))
    with pytest.raises(KeyRefusedError):
        authenticate(ledger, f"cl_{new.key.id}_{new.key.hash}", "approve")


@pytest.mark.parametrize(
    ("owner", "roles", "message"),
    [
        ("ana", ("king",), "unknown role king; a key wants an owner and roles out of score"),
        ("  ", ("score",), "owner '  '"),
        ("ana", (), r"roles \(\)"),
    ],
)
def test_a_key_without_owner_or_known_roles_is_not_made(ledger, owner, roles, message):
    with pytest.raises(ValueError, match=message):
        create_key(ledger, owner, roles)
    assert ledger.list_keys() == []


def test_revoking_an_unknown_key_says_so(ledger):
    with pytest.raises(LedgerError, match="there is no key abc"):
        ledger.revoke_key("abc")
