"""Who vouches for receivers' certificates."""

import os
import ssl
from pathlib import Path

import certifi
import pycurl


def find_authorities(file: str | None = None) -> dict[int, str]:
    """libcurl's option for them: this PEM file, else what SSL_CERT_FILE or SSL_CERT_DIR names,
    else the system's, else certifi's.

    One of these, never two: libcurl remembers a file it has read only where nothing else is to be
    looked into, and reading it costs more than the rest of a connection.
    """
    system = ssl.get_default_verify_paths()
    file = file or os.environ.get(system.openssl_cafile_env)
    folder = os.environ.get(system.openssl_capath_env)
    if file:
        return {pycurl.CAINFO: file}
    if folder:
        return {pycurl.CAPATH: folder}
    if system.cafile:
        return {pycurl.CAINFO: system.cafile}
    if system.capath and any(Path(system.capath).iterdir()):
        return {pycurl.CAPATH: system.capath}
    return {pycurl.CAINFO: certifi.where()}
