"""psycopg, whose libpq is one of PostgreSQL 18, with a token that this program has: it gives it where libpq would go to
the issuer. python psycopg_oauth.py CONNINFO TOKEN_FILE QUERY: prints what it was told about the issuer, then the first
value of each row."""

import ctypes
import glob
import pathlib
import sys

import psycopg

BEARER_TOKEN = 1


class Request(ctypes.Structure):
    """PGoauthBearerRequest of libpq-fe.h."""

    _fields_ = [
        ("openid_configuration", ctypes.c_char_p),
        ("scope", ctypes.c_char_p),
        ("run", ctypes.c_void_p),
        ("cleanup", ctypes.c_void_p),
        ("token", ctypes.c_char_p),
        ("user", ctypes.c_void_p),
    ]


token = pathlib.Path(sys.argv[2]).read_bytes().strip()


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
def give(kind, _connection, data):
    if kind != BEARER_TOKEN:
        return 0
    request = ctypes.cast(data, ctypes.POINTER(Request)).contents
    print(request.openid_configuration.decode(), request.scope.decode(), flush=True)
    request.token = token
    return 1


libraries = pathlib.Path(psycopg.__file__).parent.parent / "psycopg_binary.libs"
(path,) = glob.glob(f"{libraries}/libpq-*.so.*")
libpq = ctypes.CDLL(path)
libpq.PQsetAuthDataHook(give)
with psycopg.connect(sys.argv[1], autocommit=True) as connection:
    for row in connection.execute(sys.argv[3]):
        print(row[0])
