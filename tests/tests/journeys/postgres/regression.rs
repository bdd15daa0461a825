//! PostgreSQL's own regression scripts, from the source package of the server: each says the same through the gateway as
//! straight to a server. Two servers begin with the same cluster, and both hear the scripts in the order of PostgreSQL's
//! own schedule, because each goes on where others left off.
//!
//! Functions in C that PostgreSQL builds for these scripts are not there: what needs them fails, on both ways alike.

use std::path::{Path, PathBuf};

use wiretape_tests::database::{Database, Way};
use wiretape_tests::postgres::{Postgres, Settings, packaged};
use wiretape_tests::program::Program;

/// Scripts that are left out, and why.
const LEFT_OUT: &[(&str, &str)] = &[("random", "it says something else each time, by design")];

/// PostgreSQL's folder `src/test/regress`.
fn source() -> PathBuf {
    let folder = std::env::var_os("WIRETAPE_POSTGRES_REGRESS").map(PathBuf::from);
    let folder = folder.filter(|folder| folder.join("parallel_schedule").is_file());
    folder.expect("PostgreSQL's regression scripts are not there: `cargo xtask test` fetches and names them")
}

/// The scripts in the order of the schedule, without those that are left out.
fn schedule(source: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(source.join("parallel_schedule")).expect("the schedule is there");
    let lines = text.lines().filter_map(|line| line.strip_prefix("test: "));
    let names = lines.flat_map(str::split_whitespace);
    names.filter(|name| LEFT_OUT.iter().all(|(left_out, _)| name != left_out)).map(str::to_owned).collect()
}

/// Runs `script` as PostgreSQL's own runner does, and gives all that psql says. `client` knows the way.
fn run(client: Program, folder: &Path, script: &str) -> String {
    let said = folder.join("results").join(format!("{script}.out"));
    // Whatever it ends with: scripts are full of errors.
    let _ended = client
        .args(["-c", "exec \"$0\" -X -a -q -v HIDE_TABLEAM=on -v HIDE_TOAST_COMPRESSION=on < \"$1\" > \"$2\" 2>&1"])
        .arg(packaged().join("psql"))
        .arg(folder.join("sql").join(format!("{script}.sql")))
        .arg(&said)
        .env("LC_MESSAGES", "C")
        .env("PGTZ", "America/Los_Angeles")
        .env("PGDATESTYLE", "Postgres, MDY")
        .env("PGOPTIONS", "-c intervalstyle=postgres_verbose")
        .env("PGAPPNAME", format!("pg_regress/{script}"))
        .env("PG_ABS_SRCDIR", folder)
        .env("PG_ABS_BUILDDIR", folder)
        .env("PG_LIBDIR", "/nowhere")
        .env("PG_DLSUFFIX", ".so")
        .finish();
    let bytes = std::fs::read(&said).expect("psql said something");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A copy of the scripts and their data in a folder of its own, which a server may read and write.
fn copy(database: &Database, source: &Path, name: &str) -> PathBuf {
    let folder = database.folder.join(name);
    Program::new("cp").arg("-R").arg(source).arg(&folder).succeed();
    std::fs::create_dir_all(folder.join("results")).expect("a folder can be made");
    Program::new("chmod").args(["-R", "a+rwX"]).arg(&folder).succeed();
    folder
}

#[test]
fn postgresqls_own_regression_scripts_say_the_same() {
    let source = source();
    let scripts = schedule(&source);
    let database = Database::new();
    let other = Postgres::start(&database.folder, "other", Settings::default());
    for server in [&database.server, &other] {
        for setting in ["lc_messages", "lc_monetary", "lc_numeric", "lc_time"] {
            server.tell(&format!("ALTER DATABASE orders SET {setting} TO 'C'"));
        }
        server.tell("ALTER DATABASE orders SET bytea_output TO 'hex'");
        server.tell("ALTER DATABASE orders SET timezone_abbreviations TO 'Default'");
    }
    let folders = ["direct", "through"].map(|name| copy(&database, &source, name));
    let shell = |way: Way| {
        let shell = database.shown(way, Program::new("sh"));
        match way {
            Way::Direct => shell.env("PGPORT", other.address().port().to_string()).env("PGPASSWORD", other.password()),
            Way::Gateway => shell,
        }
    };
    let all = |way: Way, folder: &Path| -> Vec<String> {
        scripts.iter().map(|script| run(shell(way), folder, script)).collect()
    };
    let (direct, through) = std::thread::scope(|scope| {
        let direct = scope.spawn(|| all(Way::Direct, &folders[0]));
        let through = all(Way::Gateway, &folders[1]);
        (direct.join().expect("the scripts ran"), through)
    });
    let lines: usize = direct.iter().map(|said| said.lines().count()).sum();
    let mut different = Vec::new();
    for ((script, direct), through) in scripts.iter().zip(&direct).zip(&through) {
        if direct != through {
            different.push(format!("── {script}\n{}", difference(direct, through)));
        }
    }
    assert!(different.is_empty(), "{} of {} scripts differ:\n{}", different.len(), scripts.len(), different.join("\n"));
    assert!(scripts.len() > 200 && lines > 200_000, "{} scripts of {lines} lines", scripts.len());
    let sessions = database.gateway.record().all_ended();
    assert!(sessions.len() >= scripts.len(), "{} sessions", sessions.len());
    for session in sessions {
        // One of them makes the server end a session.
        let reasons = ["the client left", "the target closed the connection"];
        assert!(session.state() == "closed" && reasons.contains(&session.reason()), "{}", session.reason());
        session.verified().coded(0);
    }
}

/// The first lines in which two texts differ.
fn difference(direct: &str, through: &str) -> String {
    let pairs = direct.lines().zip(through.lines());
    let lines: Vec<String> =
        pairs.filter(|(direct, through)| direct != through).take(6).map(|(d, t)| format!("- {d}\n+ {t}")).collect();
    format!("{} and {} lines\n{}", direct.lines().count(), through.lines().count(), lines.join("\n"))
}
