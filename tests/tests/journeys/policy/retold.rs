//! `wiretape policy replay` over what real clients did: it lists exactly what another policy would have decided otherwise.

use std::collections::BTreeSet;
use std::path::Path;

use wiretape_tests::configuration::Target;
use wiretape_tests::database::Database;
use wiretape_tests::gateway::programs;
use wiretape_tests::git::Git;
use wiretape_tests::postgres::{DATABASE, Postgres, Settings, packaged};
use wiretape_tests::program::{Finished, Program};
use wiretape_tests::stage::{Folder, PERSON};
use wiretape_tests::workshop::{FORGE, Road, Workshop};

use super::council::{COMMON, Council};

/// The target of commands.
const SHELL: &str = "box";

/// What was in force.
const THEN: &str = r#"
@id("commands")
permit (principal, action == Action::"ssh.exec", resource);
@id("no-rm")
forbid (principal, action == Action::"ssh.exec", resource) when { context.programs.contains("rm") };
@id("touch")
@approval("leads")
permit (principal, action == Action::"ssh.exec", resource) when { context.programs.contains("touch") };
@id("others")
permit (principal, action in [Action::"pg", Action::"http", Action::"git"], resource);
"#;

/// What is tried: `rm` may be, `touch` needs nobody, deleting is asked, a page and a branch are forbidden.
const NOW: &str = r#"
@id("commands")
permit (principal, action == Action::"ssh.exec", resource);
@id("others")
permit (principal, action in [Action::"pg", Action::"http", Action::"git"], resource);
@id("deletes")
@approval("leads")
permit (principal, action == Action::"pg.query", resource) when { context.kind == "delete" };
@id("no-page")
forbid (principal, action == Action::"http.request", resource) when { context.path == "/page" };
@id("main")
forbid (principal, action == Action::"git.push", resource) when { context.ref == "refs/heads/main" };
"#;

/// The target of databases is closed.
const CLOSED: &str = r#"
@id("no-store")
forbid (principal, action == Action::"connect", resource) when { resource.kind == "postgres" };
"#;

/// A workshop with a database beside it, whose folder goes last.
struct World {
    workshop: Workshop,
    council: Council,
    _server: Postgres,
    folder: Folder,
}

impl World {
    fn new() -> Self {
        let folder = Folder::new();
        let server = Postgres::start(&folder, "server", Settings::default());
        server.tell("CREATE TABLE orders (id int)");
        let password = folder.write("password", format!("{}\n", server.password()));
        let mut council = None;
        let workshop = Workshop::staged(&Git::first(), false, |_, configuration| {
            configuration.targets.push(Target::database(DATABASE, server.address(), &password));
            configuration.targets.push(Target::command(SHELL, &["/bin/sh"]));
            configuration.postgres = true;
            council = Some(Council::convene(configuration, THEN));
        });
        Self { workshop, council: council.expect("it was convened"), _server: server, folder }
    }

    fn ssh(&self, command: &str) -> Program {
        let ssh = self.workshop.folder.program("ssh").arg("-F").arg(self.workshop.ssh_config());
        ssh.arg(format!("{SHELL}@gateway")).arg(command)
    }

    fn psql(&self, script: &str) -> Finished {
        let address = self.workshop.gateway.postgres();
        let psql = self.folder.program(packaged().join("psql")).args(["-qAt", "-h", "127.0.0.1"]);
        let psql = psql.args(["-p", &address.port().to_string(), "-U", PERSON, "-d", DATABASE]);
        psql.env("PGPASSWORD", &self.workshop.token.secret).env("PSQLRC", "/dev/null").input(script).succeed()
    }

    /// `wiretape policy replay`, with the policies of `folder`.
    fn replay(&self, folder: &Path, words: &[&str]) -> Finished {
        let program = Program::new(programs().join("wiretape")).args(["policy", "replay", "--config"]);
        program.arg(self.workshop.gateway.file()).arg("--policies").arg(folder).args(words).finish()
    }

    /// A folder of policies called `name`.
    fn policies(&self, name: &str, rules: &str) -> std::path::PathBuf {
        let path = self.folder.make(name);
        std::fs::write(path.join("common.cedar"), COMMON).expect("a file can be written");
        std::fs::write(path.join("rules.cedar"), rules).expect("a file can be written");
        path
    }
}

/// The lines that tell of a decision, without the name of the session.
fn told(finished: &Finished) -> BTreeSet<String> {
    let text = finished.text();
    let lines = text.lines().filter_map(|line| line.split_once(' ').filter(|(id, _)| id.len() == 26));
    lines.map(|(_, rest)| rest.to_owned()).collect()
}

#[test]
fn another_policy_is_told_by_what_it_would_have_decided_otherwise() {
    let world = World::new();
    let workshop = &world.workshop;
    let (kept, made) = (world.folder.join("kept"), world.folder.join("made"));
    world.ssh("echo one").succeed();
    let _ = world.ssh(&format!("rm {}", kept.display())).finish().coded(126);
    let waiting = world.ssh(&format!("touch {}", made.display())).start();
    world.council.approve(&workshop.gateway, "touch");
    waiting.finish().good();
    world.psql("SELECT 1;\nDELETE FROM orders WHERE id = 1;\n");
    for page in ["page", "other"] {
        workshop.curl(Road::Reverse).arg(workshop.url(Road::Reverse, page)).succeed();
    }
    let _ = workshop.bare("shop.git");
    workshop.tree("tree", "sha1").sh("echo 1 > file && git add . && git commit -qm 1");
    let push = workshop.git_in(Road::Reverse, "tree").args(["push", "-q"]).arg(workshop.url(Road::Reverse, "shop.git"));
    push.args(["HEAD:refs/heads/main", "HEAD:refs/heads/topic"]).succeed();
    let ended = workshop.ended();
    assert!(ended.len() >= 6, "{}", ended.len());

    // The same policies would have decided the same, whether they are named or are those of the configuration.
    let same = world.replay(&world.policies("same", THEN), &[]).good();
    assert_eq!(told(&same), BTreeSet::new(), "{}", same.text());
    assert!(same.text().contains(" as before, 0 otherwise\n"), "{}", same.text());
    let counted: usize = same.text().split(' ').next().and_then(|count| count.parse().ok()).expect("a count");
    assert!(counted >= 14, "every decision and every connection is counted: {}", same.text());

    let now = world.policies("now", NOW);
    let other = world.replay(&now, &[]).coded(2);
    let url = format!("{}/page", workshop.forge.url());
    let at = |target: &str, what: &str| format!("{PERSON} at {target}: {what}");
    let expected = BTreeSet::from([
        at(SHELL, &format!("ssh.exec rm {}: refuse then, allow now (commands)", kept.display())),
        at(SHELL, &format!("ssh.exec touch {}: ask then, allow now (commands)", made.display())),
        at(DATABASE, "pg.query DELETE FROM orders WHERE id = 1;: allow then, ask now (deletes)"),
        at(FORGE, &format!("http.request GET {url}: allow then, refuse now (no-page)")),
        at(FORGE, "git.push /shop.git refs/heads/main created refs/heads/topic created: allow then, refuse now (main)"),
    ]);
    assert_eq!(told(&other), expected, "{}", other.text());
    assert!(other.text().contains("  1 × allow then, ask now\n"), "{}", other.text());
    assert!(other.text().contains("  2 × allow then, refuse now\n"), "{}", other.text());

    // Some sessions alone, and the counts alone.
    let store = world.replay(&now, &["--target", DATABASE]).coded(2);
    assert_eq!(told(&store).len(), 1, "{}", store.text());
    let nobody = world.replay(&now, &["--person", "nobody"]).good();
    assert!(nobody.text().starts_with("0 decisions of 0 sessions"), "{}", nobody.text());
    assert!(told(&world.replay(&now, &["--quiet"]).coded(2)).is_empty());

    let closed = world.replay(&world.policies("closed", &format!("{THEN}{CLOSED}")), &[]).coded(2);
    let line = format!("connect {DATABASE} as person: allow then, refuse now (no-store)");
    assert!(told(&closed).contains(&at(DATABASE, &line)), "{}", closed.text());
}

#[test]
fn what_was_asked_at_the_entrance_is_asked_there_again_and_nowhere_else() {
    const DOOR: &str = r#"
@id("door")
@approval("leads")
permit (principal, action == Action::"connect", resource);
@id("others")
permit (principal, action in Action::"pg", resource);
"#;
    let mut council = None;
    let database = Database::with(
        |_| Settings::default(),
        |_, _, configuration| council = Some(Council::convene(configuration, DOOR)),
    );
    let council = council.expect("it was convened");
    let psql = database.psql(wiretape_tests::database::Way::Gateway).arg("-At");
    let running = psql.input("SELECT 1;\nSELECT 2;\nSELECT 3;\n").start();
    council.approve(&database.gateway, "SELECT 1");
    assert_eq!(running.finish().good().text(), "1\n2\n3\n");
    let _ = database.gateway.record().one();
    let replay = Program::new(programs().join("wiretape")).args(["policy", "replay", "--config"]);
    let same = replay.arg(database.gateway.file()).finish().good();
    assert!(same.text().starts_with("4 decisions of 1 sessions: 4 as before, 0 otherwise\n"), "{}", same.text());
}
