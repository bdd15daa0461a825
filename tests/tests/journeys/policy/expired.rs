//! Questions that nobody answers in time, on every wire at once: each client hears a refusal.

use std::time::Duration;

use wiretape_tests::configuration::Configuration;
use wiretape_tests::database::{Database, Way};
use wiretape_tests::git::Git;
use wiretape_tests::postgres::{DATABASE, Settings};
use wiretape_tests::record::Events;
use wiretape_tests::stage::Stage;
use wiretape_tests::web::Web;
use wiretape_tests::workshop::Workshop;

use super::council::{Council, not_approved};
use super::{database, files, menu, repositories, shell, web};

/// Longer than the shortest time that a question can stand.
const PATIENCE: Duration = Duration::from_secs(200);

fn hasty(configuration: &mut Configuration, rules: &str) -> Council {
    configuration.approval = vec!["minutes = 1".to_owned()];
    Council::convene(configuration, rules)
}

fn expired(events: &Events, rule: &str) {
    let text = not_approved(events, rule, false);
    assert!(!text.is_empty(), "the record says that nobody answered");
}

#[test]
fn nobody_answered_is_a_refusal() {
    let mut councils = Vec::new();
    let stage = Stage::with(|_, configuration| councils.push(hasty(configuration, shell::RULES)));
    let store = Database::with(
        |_| Settings::default(),
        |_, server, configuration| {
            server.tell("CREATE TABLE orders (id int)");
            configuration.target(DATABASE).set("labels = { env = \"production\" }");
            councils.push(hasty(configuration, database::RULES));
        },
    );
    let site = Web::with(|_, _, configuration| councils.push(hasty(configuration, web::RULES)));
    let made = stage.folder.join("made");
    let command = stage.ssh().arg(format!("touch {}", made.display())).patience(PATIENCE).start();
    let statement = store.psql(Way::Gateway).args(["-v", "VERBOSITY=verbose", "-At"]);
    let statement = statement.input("DELETE FROM orders;\nSELECT 6 * 7;\n").patience(PATIENCE).start();
    let url = format!("{}/echo?order=9", site.url(web::ROAD, "plain"));
    let request = site.curl(web::ROAD).args(["--write-out", "\n%{http_code}", "--request", "DELETE"]).arg(url);
    let request = request.patience(PATIENCE).start();
    let command = command.finish().coded(126);
    assert!(command.errors().contains("wiretape: "), "{}", command.errors());
    assert!(!made.exists());
    let statement = statement.finish().good();
    assert_eq!(statement.text(), "42\n");
    assert!(statement.errors().contains("42501"), "{}", statement.errors());
    let request = request.finish().good();
    assert!(request.text().ends_with("\n403"), "{}", request.text());
    expired(&stage.gateway.record().one().events(), "touch");
    expired(&store.gateway.record().one().events(), "delete-all");
    expired(&site.gateway.record().one().events(), "removals");
}

#[test]
fn nobody_answered_is_a_refusal_of_pushes_files_and_choices_too() {
    let mut councils = Vec::new();
    let stage = Stage::with(|_, configuration| councils.push(hasty(configuration, files::RULES)));
    let kept = stage.folder.write("kept", "x");
    let removal = stage.client("sftp").args(["-b", "-", "web@gateway"]).patience(PATIENCE);
    let removal = removal.input(format!("-rm {0}\nls -1 {0}\n", kept.display())).start();
    let lobby = Stage::with(|_, configuration| {
        menu::furnish(configuration);
        councils.push(hasty(configuration, menu::RULES));
    });
    let choice = lobby.client("ssh").args(["-tt", "menu@gateway"]).input("2\r").patience(PATIENCE).start();
    let pushes = repositories::ROADS.map(|road| {
        let workshop = Workshop::staged(&Git::first(), false, |_, configuration| {
            councils.push(hasty(configuration, repositories::RULES));
        });
        let (old, _) = repositories::rewritten(&workshop);
        let push = workshop.git_in(road, "tree").arg("push").arg(workshop.url(road, "shop.git"));
        let push = push.arg("+HEAD:refs/heads/main").patience(PATIENCE).start();
        (workshop, old, push)
    });
    let removal = removal.finish().good();
    assert!(removal.errors().contains("ermission denied"), "{}", removal.errors());
    assert!(removal.text().contains("kept"), "the conversation goes on");
    assert!(kept.exists());
    expired(&stage.gateway.record().one().events(), "removals");
    let choice = choice.finish().coded(255);
    assert!(choice.text().contains("wiretape: "), "{}", choice.text());
    expired(&lobby.gateway.record().one().events(), "shells");
    for (workshop, old, push) in pushes {
        let told = push.finish().coded(1).errors();
        assert!(told.contains("[remote rejected]"), "{told}");
        assert_eq!(repositories::main_of(&workshop), old);
        expired(&repositories::pushed(&workshop), "rewrites");
    }
}
