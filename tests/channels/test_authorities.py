"""Who vouches for receivers, and who is asked first."""

import os
from pathlib import Path

import pycurl
import pytest

from alerts.channels.authorities import find_authorities


def test_a_file_goes_before_a_folder_and_both_before_what_the_machine_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/named.pem")
    monkeypatch.setenv("SSL_CERT_DIR", os.devnull)

    assert find_authorities("/given.pem") == {pycurl.CAINFO: "/given.pem"}
    assert find_authorities() == {pycurl.CAINFO: "/named.pem"}
    monkeypatch.setenv("SSL_CERT_FILE", "")
    assert find_authorities() == {pycurl.CAPATH: os.devnull}


def test_without_a_word_from_the_environment_there_is_somebody_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name)

    ((_, place),) = find_authorities().items()

    assert Path(place).exists()
