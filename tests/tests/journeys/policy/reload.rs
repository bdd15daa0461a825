//! Policies that change while sessions run: what is mended holds at once, what is faulty changes nothing and is told.

use std::path::PathBuf;

use wiretape_tests::database::{Database, Way};
use wiretape_tests::gateway::{Gateway, programs};
use wiretape_tests::postgres::Settings;
use wiretape_tests::program::{Program, Running};
use wiretape_tests::stage::wait_until;

use super::council::{Council, decisions};

/// Everything is read.
const OPEN: &str = r#"
@id("reads")
permit (principal, action == Action::"pg.query", resource);
"#;

/// But not what is called a secret.
const MENDED: &str = r#"
@id("reads")
permit (principal, action == Action::"pg.query", resource);
@id("no-secrets")
@reason("secrets are not read")
forbid (principal, action == Action::"pg.query", resource) when { context.text like "*secret*" };
"#;

/// What is wrong with a file of policies, and how that is told: the file, the line, and why.
const FAULTY: [(&str, &str, &str); 3] = [
    ("syntax", "\n\npermit (principal, action == , resource);\n", "rules.cedar:3: "),
    (
        "schema",
        "\npermit (principal, action == Action::\"pg.query\", resource)\nwhen { context.color == \"red\" };\n",
        "rules.cedar:3: ",
    ),
    (
        "annotation",
        "permit (principal, action, resource);\n@approval(\"leads:0\")\npermit (principal, action == Action::\"pg.query\", resource);\n",
        "rules.cedar:2: ",
    ),
];

struct Scene {
    database: Database,
    council: Council,
    rules: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let mut found = None;
        let database = Database::with(
            |_| Settings::default(),
            |folder, _, configuration| {
                found = Some((Council::convene(configuration, OPEN), folder.join("policies/rules.cedar")));
            },
        );
        let (council, rules) = found.expect("it was convened");
        Self { database, council, rules }
    }

    /// Puts `text` in the file of the rules, and waits until the gateway has said `times` times in all what it says of
    /// that.
    fn write(&self, text: &str, said: &str, times: usize) {
        std::fs::write(&self.rules, text).expect("a file can be written");
        wait_until(said, || self.database.gateway.log().matches(said).count() >= times);
    }

    /// A psql that waits for what to do.
    fn psql(&self) -> Running {
        let psql = self.database.psql(Way::Gateway).args(["-At", "-v", "VERBOSITY=verbose"]);
        psql.input_held().start()
    }

    /// The figure of faulty files.
    fn faulty(&self) -> String {
        self.council.figure(&self.database.gateway, "wiretape_configuration_faulty")
    }
}

/// Has `psql` say something that nobody forbids.
fn allowed(psql: &mut Running, number: u32) {
    psql.say(format!("SELECT 'no-' || {number};\n").as_bytes()).expect("psql reads");
    psql.wait_printed(&format!("no-{number}\n"));
}

/// Has `psql` say something that is forbidden, which it hears for the `times`th time.
fn refused(psql: &mut Running, times: usize) {
    psql.say(b"SELECT 'secret';\n").expect("psql reads");
    wait_until("psql is told", || psql.complained().matches("42501: secrets are not read").count() == times);
}

fn check(gateway: &Gateway) -> Program {
    Program::new(programs().join("wiretape")).args(["check", "--config"]).arg(gateway.file())
}

#[test]
fn mended_policies_hold_for_sessions_that_run_and_for_new_ones() {
    let scene = Scene::new();
    let mut psql = scene.psql();
    psql.say(b"SELECT 'secret';\n").expect("psql reads");
    psql.wait_printed("secret\n");
    scene.write(MENDED, "the configuration was read again", 1);
    refused(&mut psql, 1);
    let mut other = scene.psql();
    refused(&mut other, 1);
    allowed(&mut other, 1);
    // And back: nothing is left of what was in force in between.
    scene.write(OPEN, "the configuration was read again", 2);
    for psql in [&mut psql, &mut other] {
        let before = psql.printed().matches("secret\n").count();
        psql.say(b"SELECT 'secret';\n").expect("psql reads");
        wait_until("psql is answered", || psql.printed().matches("secret\n").count() == before + 1);
    }
    psql.finish().good();
    other.finish().good();
    let sessions = scene.database.gateway.record().ended(2);
    let decided = decisions(&sessions[1].events(), "pg.query");
    let rules: Vec<(&str, bool)> = decided.iter().map(|(rule, allowed, _)| (rule.as_str(), *allowed)).collect();
    assert_eq!(rules, [("reads", true), ("no-secrets", false), ("reads", true)], "one session, three policies");
}

#[test]
fn a_faulty_policy_changes_nothing_and_is_told_with_file_and_line() {
    let scene = Scene::new();
    scene.write(MENDED, "the configuration was read again", 1);
    let mut psql = scene.psql();
    refused(&mut psql, 1);
    assert_eq!(scene.faulty(), "0");
    for (turn, (what, text, place)) in FAULTY.iter().enumerate() {
        scene.write(text, "the configuration in force stays, the new one is faulty", turn + 1);
        let log = scene.database.gateway.log();
        let told = log.lines().rev().find(|line| line.contains(place)).unwrap_or_else(|| panic!("{what}: {log}"));
        assert!(told.contains("ERROR") || log.contains("ERROR"), "{what}: {log}");
        // The same words, from whoever looks before it is put in force.
        let checked = check(&scene.database.gateway).finish().coded(1);
        let fault = checked.errors();
        let line = fault.lines().find(|line| line.contains(place)).unwrap_or_else(|| panic!("{what}: {fault}"));
        let place = line.find("rules.cedar").expect("the file");
        assert!(log.contains(line[place..].trim_end()), "{what}: {fault}\n{log}");
        assert_eq!(scene.faulty(), "1", "{what}");
        refused(&mut psql, turn + 2);
        let mut other = scene.psql();
        refused(&mut other, 1);
        allowed(&mut other, 1);
    }
    scene.write(OPEN, "the configuration was read again", 2);
    assert_eq!(scene.faulty(), "0");
    check(&scene.database.gateway).succeed();
    psql.say(b"SELECT 'secret';\n").expect("psql reads");
    psql.wait_printed("secret\n");
}

#[test]
fn a_faulty_configuration_changes_nothing_either() {
    let scene = Scene::new();
    let gateway = &scene.database.gateway;
    let good = std::fs::read_to_string(gateway.file()).expect("the configuration");
    let faulty = format!("{good}\n[[target]]\nname = \"other\"\nkind = \"gopher\"\n");
    let line = faulty.lines().count();
    std::fs::write(gateway.file(), &faulty).expect("a file can be written");
    wait_until("the fault is told", || gateway.log().contains("the new one is faulty"));
    let place = format!("line {line}: kind = \"gopher\" is unknown");
    assert!(gateway.log().contains(&place), "{}", gateway.log());
    assert!(check(gateway).finish().coded(1).errors().contains(&place));
    assert_eq!(scene.faulty(), "1");
    allowed(&mut scene.psql(), 1);
    std::fs::write(gateway.file(), &good).expect("a file can be written");
    wait_until("it is well again", || gateway.log().contains("the configuration was read again"));
    assert_eq!(scene.faulty(), "0");
}
