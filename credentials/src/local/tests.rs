use secrecy::ExposeSecret;

use super::{Command, password, printed, text};
use crate::limits::SECRET_BYTES_MAX;

fn command(words: &[&str]) -> Command {
    Command::from(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
}

#[tokio::test]
async fn a_password_file_counts_without_its_line_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    for (written, read) in [("hunter2 \n", "hunter2 "), ("a\r\n", "a"), ("a\n\n", "a\n"), ("", ""), ("a", "a")] {
        std::fs::write(&path, written).unwrap();
        assert_eq!(password(&path).await.unwrap().expose_secret(), read);
    }
}

#[tokio::test]
async fn what_is_no_secret_is_named_without_what_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    let failure = text(&path).await.unwrap_err().to_string();
    assert!(failure.contains("cannot read") && failure.contains("password"), "{failure}");
    std::fs::write(&path, "s".repeat(SECRET_BYTES_MAX)).unwrap();
    assert_eq!(text(&path).await.unwrap().len(), SECRET_BYTES_MAX);
    std::fs::write(&path, "s".repeat(SECRET_BYTES_MAX + 1)).unwrap();
    assert!(text(&path).await.unwrap_err().to_string().contains("larger"));
    std::fs::write(&path, b"s3cret\xff").unwrap();
    assert_eq!(text(&path).await.unwrap_err().to_string(), format!("{} is not UTF-8", path.display()));
    // Never ends, but is not read for ever.
    assert!(text(std::path::Path::new("/dev/zero")).await.unwrap_err().to_string().contains("larger"));
}

#[tokio::test]
async fn a_failing_command_is_named_without_what_it_printed() {
    let failure = printed(&command(&["sh", "-c", "echo s3cret; exit 3"])).await.unwrap_err().to_string();
    assert!(failure.contains("failed") && !failure.contains("s3cret"), "{failure}");
    let failure = printed(&command(&["sh", "-c", "printf 's3cret\\377'"])).await.unwrap_err().to_string();
    assert!(failure.contains("UTF-8") && !failure.contains("s3cret"), "{failure}");
    let failure = printed(&command(&["yes", "s3cret"])).await.unwrap_err().to_string();
    assert!(failure.contains("more than a secret can be") && !failure.contains("s3cret"), "{failure}");
    assert!(printed(&command(&["/nonexistent"])).await.unwrap_err().to_string().contains("cannot run"));
    assert!(printed(&command(&[])).await.is_err());
}

#[tokio::test]
async fn a_command_sees_no_more_of_the_environment_than_it_was_given() {
    // Cargo sets some for every test.
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some() && std::env::var_os("CARGO_PKG_NAME").is_some());
    let mut command = command(&["env"]);
    command.environment = vec!["CARGO_PKG_NAME".to_owned(), "NOT_SET_AT_ALL".to_owned()];
    let shown = printed(&command).await.unwrap();
    let mut names: Vec<&str> = shown.expose_secret().lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    names.retain(|name| !["HOME", "LANG"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["CARGO_PKG_NAME", "PATH"]);
}

#[tokio::test]
async fn what_a_command_started_ends_with_it_when_nobody_waits() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("number");
    let script = format!("sleep 1000 & echo $! > {0}.part; mv {0}.part {0}; wait", mark.display());
    let command = command(&["sh", "-c", &script]);
    let waiting = tokio::spawn(async move { printed(&command).await.map(|_| ()) });
    while !mark.exists() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let number = std::fs::read_to_string(&mark).unwrap().trim().to_owned();
    let state = move || {
        let stat = std::fs::read_to_string(format!("/proc/{number}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").map(|(_, rest)| rest.chars().next().unwrap_or('X')).unwrap_or('X')
    };
    assert!(!['X', 'Z'].contains(&state()), "it runs");
    waiting.abort();
    let _ = waiting.await;
    // The test's own limit ends this if it never comes.
    while !['X', 'Z'].contains(&state()) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[test]
fn a_command_is_written_in_two_ways_and_shown_without_its_arguments() {
    #[derive(serde::Deserialize)]
    struct Table {
        command: Command,
    }
    let parse = |text: &str| toml::from_str::<Table>(text).map(|table| table.command);
    assert_eq!(parse("command = [\"pass\", \"show\"]").unwrap(), command(&["pass", "show"]));
    let full = parse("command = { run = [\"pass\"], environment = [\"GNUPGHOME\"] }").unwrap();
    assert_eq!((full.run, full.environment), (vec!["pass".to_owned()], vec!["GNUPGHOME".to_owned()]));
    assert!(parse("command = { run = [\"pass\"], other = 1 }").is_err());
    assert_eq!(format!("{:?}", command(&["curl", "-u", "s3cret"])), "Command(Some(\"curl\"), …)");
}
