"""What looks at the database's file leaves the locks of the process that has it open."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from phasegate.store.sqlite.files import is_database

_OTHER = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('select * from t').fetchall(); c.close()"


def test_another_process_that_closes_the_database_leaves_the_log(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("create table t (x)")
        connection.commit()

        assert is_database(path)
        subprocess.run([sys.executable, "-c", _OTHER, str(path)], check=True)

        assert path.with_name("a.db-wal").exists()
