//! What policies decide, seen from outside.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use wiretape_core::Decided;
use wiretape_core::event::{FileOperation, ObjectId, OpenMode, PrincipalKind, RefChange, RefUpdate};
use wiretape_core::judge::{ActionKind, Approvers, Push, Transfer};
use wiretape_policy::{Circumstances, Policies, Source, Subject, TargetFacts};

/// 2026-11-22 15:04:59 UTC, a Sunday.
const NOW: u64 = 1_795_359_899_000_000_000;

fn ana() -> Subject {
    Subject { name: "ana".to_owned(), groups: vec!["dev".to_owned()], ..Subject::default() }
}

fn target(kind: &str) -> TargetFacts {
    let labels = BTreeMap::from([("env".to_owned(), "production".to_owned())]);
    TargetFacts { name: "it".to_owned(), kind: kind.to_owned(), labels, ..TargetFacts::default() }
}

fn policies(text: &str) -> Arc<Policies> {
    let source = Source { name: "test.cedar".to_owned(), text: text.to_owned() };
    Arc::new(Policies::compile(Some(&[source]), &[]).unwrap_or_else(|faults| panic!("{faults}\n{text}")))
}

fn faults(text: &str) -> String {
    let source = Source { name: "test.cedar".to_owned(), text: text.to_owned() };
    Policies::compile(Some(&[source]), &[]).expect_err(text).to_string()
}

fn decide(text: &str, action: &ActionKind) -> Decided {
    policies(text).session(&ana(), &target("ssh"), &circumstances()).decide(NOW, action)
}

fn circumstances() -> Circumstances {
    Circumstances {
        client_address: Some("10.1.2.3".parse().unwrap()),
        protocol: "ssh".to_owned(),
        login: "root".to_owned(),
        label: None,
    }
}

fn exec(command: &'static str) -> ActionKind {
    ActionKind::Exec { command: Bytes::from_static(command.as_bytes()) }
}

fn sql(text: &'static str) -> ActionKind {
    ActionKind::Query { text: Bytes::from_static(text.as_bytes()) }
}

fn get(url: &'static str) -> ActionKind {
    ActionKind::Request { method: Bytes::from_static(b"GET"), url: Bytes::from_static(url.as_bytes()) }
}

fn write(path: &'static str) -> ActionKind {
    let mode = OpenMode { write: true, ..OpenMode::default() };
    ActionKind::File(Box::new(FileOperation::Open { path: Bytes::from_static(path.as_bytes()), mode }))
}

fn push(updates: &[(&'static str, RefChange)], paths: &[&'static str], complete: bool) -> ActionKind {
    let id = ObjectId::Sha1([1; 20]);
    let update = |(name, change): &(&'static str, RefChange)| RefUpdate {
        name: Bytes::from_static(name.as_bytes()),
        old: id,
        new: id,
        change: *change,
    };
    ActionKind::Push(Box::new(Push {
        repository: Bytes::from_static(b"/org/x.git"),
        updates: updates.iter().map(update).collect(),
        options: Vec::new(),
        paths: paths.iter().map(|path| Bytes::from_static(path.as_bytes())).collect(),
        complete,
    }))
}

#[test]
fn without_policies_those_whom_groups_let_in_may_do_everything() {
    let mut target = target("ssh");
    let default = Arc::new(Policies::compile(None, &[]).unwrap());
    let mut bench = default.session(&ana(), &target, &circumstances());
    assert_eq!(bench.connect(NOW).name(), "allow");
    assert_eq!(bench.decide(NOW, &exec("rm -rf \"")), Decided::Allow { rules: vec!["default".to_owned()] });
    target.groups = vec!["ops".to_owned()];
    let mut bench = default.session(&ana(), &target, &circumstances());
    assert_eq!(bench.connect(NOW).rules(), ["groups"]);
    assert_eq!(bench.decide(NOW, &ActionKind::Shell).rules(), ["groups"]);
    assert_eq!(default.administer(&ana(), "session.list", "", NOW).rules(), ["no permit"]);
    let admin = Subject { groups: vec!["admins".to_owned()], ..ana() };
    assert_eq!(default.administer(&admin, "session.list", "", NOW).rules(), ["admins"]);
    assert_eq!(default.administer(&admin, "ssh.exec", "", NOW).name(), "refuse");
    assert_eq!(default.administer(&admin, "nothing", "", NOW).name(), "refuse");
}

#[test]
fn whether_anything_looks_into_an_action_is_told_before_it_is_understood() {
    let permit = "permit (principal, action, resource);";
    let looks = |rules: &str, target: &TargetFacts| {
        policies(rules).session(&ana(), target, &circumstances()).looks_into("git.push")
    };
    let plain = target("http");
    for none in [
        "",
        permit,
        "permit (principal in Group::\"dev\", action in Action::\"git\", resource in Label::\"env=production\");",
        // Rules about others, about something else, about another target.
        "forbid (principal in Group::\"ops\", action, resource);",
        "forbid (principal, action == Action::\"git.fetch\", resource) when { context.repository == \"/x\" };",
        "forbid (principal, action, resource in Target::\"other\");",
    ] {
        assert!(!looks(&format!("{permit}{none}"), &plain), "{none}");
    }
    for some in [
        "forbid (principal, action, resource);",
        "forbid (principal, action == Action::\"git.push\", resource) when { context.complete };",
        "forbid (principal, action, resource == Repository::\"it /x.git\");",
        "forbid (principal, action, resource is Ref);",
        "@approval(\"leads\") permit (principal, action == Action::\"git.push\", resource);",
        "permit (principal, action in Action::\"git\", resource) when { context.protocol == \"ssh\" };",
        "permit (principal, action, resource is Ref);",
    ] {
        assert!(looks(&format!("{permit}{some}"), &plain), "{some}");
    }
    assert!(looks("", &plain), "nothing permits it");
    assert!(looks("permit (principal, action == Action::\"git.push\", resource) when { context.complete };", &plain));
    let refusing = TargetFacts { refuse: vec!["forced".to_owned()], ..plain.clone() };
    assert!(looks(permit, &refusing), "the target's own settings refuse some");
    let closed = TargetFacts { groups: vec!["ops".to_owned()], ..plain.clone() };
    assert!(looks(permit, &closed), "it is for others");
    let default = Arc::new(Policies::compile(None, &[]).unwrap());
    assert!(!default.session(&ana(), &plain, &circumstances()).looks_into("git.push"));
    assert!(default.session(&ana(), &closed, &circumstances()).looks_into("git.push"));
}

#[test]
fn a_forbid_wins_over_a_question_and_a_question_over_a_permit() {
    let permit = "permit (principal, action, resource);";
    let ask =
        "@approval(\"leads:2\") @reason(\"look twice\") permit (principal, action == Action::\"ssh.exec\", resource);";
    let forbid = "@id(\"never\") forbid (principal, action == Action::\"ssh.exec\", resource);";
    assert_eq!(decide(permit, &exec("ls")).name(), "allow");
    let asked = decide(&format!("{permit}{ask}"), &exec("ls"));
    let approvers = vec![Approvers { group: "leads".to_owned(), count: 2 }];
    assert_eq!(
        asked,
        Decided::Ask { rules: vec!["test.cedar:1.2".to_owned()], approvers, text: "look twice".to_owned() }
    );
    assert_eq!(decide(&format!("{permit}{ask}{forbid}"), &exec("ls")).rules(), ["never"]);
    assert_eq!(decide(&format!("{permit}{ask}{forbid}"), &ActionKind::Shell).name(), "allow");
    assert_eq!(decide("", &ActionKind::Shell).rules(), ["no permit"]);
}

#[test]
fn people_agents_claims_addresses_labels_and_hours_are_told_apart() {
    let agent = Subject { kind: PrincipalKind::Agent, ..ana() };
    let claimed = Subject { claims: BTreeMap::from([("team".to_owned(), ["blue".to_owned()].into())]), ..ana() };
    for (head, subject, allowed) in [
        ("principal == Person::\"ana\", action, resource", ana(), true),
        ("principal == Agent::\"ana\", action, resource", ana(), false),
        ("principal is Agent, action, resource", agent.clone(), true),
        ("principal is Person, action, resource", agent.clone(), false),
        ("principal is Agent in Group::\"dev\", action, resource", agent, true),
        ("principal in Group::\"dev\", action, resource", ana(), true),
        ("principal in Group::\"ops\", action, resource", ana(), false),
        ("principal, action in Action::\"ssh\", resource", ana(), true),
        ("principal, action in Action::\"git\", resource", ana(), false),
        ("principal, action, resource == Target::\"it\"", ana(), true),
        ("principal, action, resource == Target::\"other\"", ana(), false),
        ("principal, action, resource in Label::\"env=production\"", ana(), true),
        ("principal, action, resource in Label::\"env=test\"", ana(), false),
        (
            "principal, action in Action::\"use\", resource) when { resource in Label::\"env=production\" } //",
            ana(),
            true,
        ),
        (
            "principal, action in Action::\"use\", resource) when { context.address.isInRange(ip(\"10.0.0.0/8\")) } //",
            ana(),
            true,
        ),
        (
            "principal, action in Action::\"use\", resource) when { context.address.isInRange(ip(\"10.2.0.0/16\")) } //",
            ana(),
            false,
        ),
        (
            "principal, action in Action::\"use\", resource) when { context.time.hour >= 9 && context.time.weekday == \"sunday\" } //",
            ana(),
            true,
        ),
        ("principal, action in Action::\"use\", resource) when { context.time.hour >= 16 } //", ana(), false),
        (
            "principal, action in Action::\"use\", resource) when { context has label && context.label == \"x\" } //",
            ana(),
            false,
        ),
        (
            "principal, action, resource) when { principal.hasTag(\"team\") && principal.getTag(\"team\").contains(\"blue\") } //",
            ana(),
            false,
        ),
        (
            "principal, action, resource) when { principal.hasTag(\"team\") && principal.getTag(\"team\").contains(\"blue\") } //",
            claimed,
            true,
        ),
    ] {
        let text = format!("permit ({head});").replace(" //)", "");
        let policies = policies(&text);
        let mut bench = policies.session(&subject, &target("ssh"), &circumstances());
        let decided = bench.decide(NOW, &exec("ls"));
        assert_eq!(decided.name() == "allow", allowed, "{text}: {decided:?}");
        assert_eq!(bench.decide(NOW, &exec("ls")), decided, "it is remembered right");
    }
}

#[test]
fn a_socket_is_one_however_its_path_is_written() {
    let rules = "permit (principal, action, resource);
        forbid (principal, action == Action::\"ssh.forward\", resource == Host::\"it /run/docker.sock\");";
    for (destination, decided) in [
        ("/run/docker.sock", "refuse"),
        ("//run/./docker.sock", "refuse"),
        ("/run/docker.sock/", "refuse"),
        ("/run/x/../docker.sock", "refuse"),
        ("run/../../docker.sock", "refuse"),
        ("/run/other.sock", "allow"),
        ("run/docker.sock", "allow"),
        ("db:22", "allow"),
        ("[::1]:22", "allow"),
    ] {
        let action = ActionKind::Forward { destination: destination.to_owned() };
        assert_eq!(decide(rules, &action).name(), decided, "{destination}");
    }
    let looks =
        "permit (principal, action == Action::\"ssh.forward\", resource) when { context.host like \"/run/app/*\" };";
    for (destination, decided) in [("/run/app/../docker.sock", "refuse"), ("/run/app/x", "allow")] {
        let action = ActionKind::Forward { destination: destination.to_owned() };
        assert_eq!(decide(looks, &action).name(), decided, "{destination}");
    }
}

#[test]
fn what_is_not_known_refuses_where_a_rule_looks_at_it() {
    let permit = "permit (principal, action, resource);";
    for (rule, action, decided) in [
        (
            "forbid (principal, action == Action::\"git.push\", resource) when { context.forced };",
            push(&[("refs/heads/x", RefChange::Unknown)], &[], true),
            "refuse",
        ),
        (
            "forbid (principal, action == Action::\"git.push\", resource) when { context.forced };",
            push(&[("refs/heads/x", RefChange::FastForward)], &[], true),
            "allow",
        ),
        (
            "forbid (principal, action == Action::\"git.push\", resource) when { context.paths.contains(\"a\") };",
            push(&[("refs/heads/x", RefChange::FastForward)], &["b"], false),
            "refuse",
        ),
        (
            "forbid (principal, action == Action::\"git.push\", resource) when { context.paths.contains(\"a\") };",
            push(&[("refs/heads/x", RefChange::FastForward)], &["b"], true),
            "allow",
        ),
        (
            "forbid (principal, action == Action::\"git.push\", resource) when { context.paths.contains(\"a\") };",
            push(&[("refs/heads/x", RefChange::Deleted)], &[], false),
            "allow",
        ),
        (
            "forbid (principal, action == Action::\"git.push\", resource == Ref::\"it /org/x.git refs/heads/main\");",
            push(&[("refs/heads/x", RefChange::Created), ("refs/heads/main", RefChange::Created)], &[], true),
            "refuse",
        ),
        (
            "forbid (principal, action == Action::\"git.push\", resource in Repository::\"it /org/y.git\");",
            push(&[("refs/heads/x", RefChange::Created)], &[], true),
            "allow",
        ),
        (
            "forbid (principal, action == Action::\"git.push\", resource in Repository::\"it /org/x.git\");",
            push(&[("refs/heads/x", RefChange::Created)], &[], true),
            "refuse",
        ),
        (
            "@approval(\"a\") permit (principal, action == Action::\"git.push\", resource) when { context.forced };",
            push(&[("refs/heads/x", RefChange::Unknown)], &[], true),
            "refuse",
        ),
        (
            "@approval(\"a\") permit (principal, action == Action::\"git.push\", resource) when { context.forced };",
            push(&[("refs/heads/x", RefChange::Forced)], &[], true),
            "ask",
        ),
        (
            "forbid (principal, action == Action::\"file.write\", resource) when { context.path like \"/etc/*\" };",
            write("/tmp/../etc/x"),
            "refuse",
        ),
        (
            "forbid (principal, action == Action::\"file.write\", resource) when { context.path like \"/etc/*\" };",
            write("//etc/x"),
            "refuse",
        ),
        (
            "forbid (principal, action == Action::\"file.write\", resource) when { context.path like \"/etc/*\" };",
            write("/tmp/x"),
            "allow",
        ),
        (
            "forbid (principal, action == Action::\"file.write\", resource == Path::\"it /etc/x\");",
            write("/tmp/../etc/x"),
            "refuse",
        ),
        (
            "forbid (principal, action == Action::\"http.request\", resource) when { context.path like \"/admin/*\" };",
            get("https://x/a/../admin/y"),
            "refuse",
        ),
        (
            "forbid (principal, action == Action::\"http.request\", resource) when { context.path like \"/admin/*\" };",
            get("https://x/%61dmin/y"),
            "refuse",
        ),
        (
            "forbid (principal, action == Action::\"http.request\", resource) when { context.path like \"/admin/*\" };",
            get("https://x/users"),
            "allow",
        ),
        (
            "forbid (principal, action == Action::\"http.request\", resource in Host::\"it x\");",
            get("https://X./users"),
            "refuse",
        ),
        (
            "forbid (principal, action == Action::\"http.request\", resource == Path::\"it x/users\");",
            get("https://X./users"),
            "refuse",
        ),
        (
            "forbid (principal, action == Action::\"http.request\", resource) when { resource is Path && resource.path == \"/users\" };",
            get("https://X./users"),
            "refuse",
        ),
        (
            "forbid (principal, action == Action::\"http.request\", resource) when { context.method == \"POST\" };",
            get("https://x/a/../admin/y"),
            "allow",
        ),
        (
            "forbid (principal, action == Action::\"pg.query\", resource) when { context.kind == \"drop\" };",
            sql("'"),
            "refuse",
        ),
        (
            "forbid (principal, action == Action::\"pg.query\", resource) when { context.text like \"*drop*\" };",
            sql("'"),
            "allow",
        ),
    ] {
        let text = format!("{permit}{rule}");
        let decided_now = decide(&text, &action);
        assert_eq!(decided_now.name(), decided, "{rule}\n{action:?}\n{decided_now:?}");
    }
}

#[test]
fn what_is_wrong_with_policies_is_said_all_at_once_with_file_line_and_remedy() {
    let text = "permit (principal, action, resource);\n\n// a comment; with a semicolon\nforbid (principal, action == Action::\"ssh.exce\", resource);\npermit (principal, action == Action::\"pg.query\", resource)\nwhen { context.knd == \"x;\" };\npermit (principal, action, resource) when { 1 };\n@approval(\"\")\npermit (principal, action, resource);\n@approval(\"x\") forbid (principal, action, resource);\npermit (principal == ?principal, action, resource);\npermit (;\n@id(\"a,b\") permit (principal, action, resource);";
    let said = faults(text);
    for start in [
        "test.cedar:4:",
        "test.cedar:6:",
        "test.cedar:7:",
        "test.cedar:8:",
        "test.cedar:10:",
        "test.cedar:11:",
        "test.cedar:12:",
        "test.cedar:13:",
    ] {
        assert!(said.lines().any(|line| line.starts_with(start)), "{start} is missing in\n{said}");
    }
    assert!(!said.contains("test.cedar:1:"), "{said}");
}

#[test]
fn a_table_is_the_same_whatever_schema_is_said() {
    let permit = "permit (principal, action, resource);";
    for (rule, statement, decided) in [
        ("forbid (principal, action, resource == Table::\"it public.users\");", "SELECT * FROM public.users", "refuse"),
        ("forbid (principal, action, resource == Table::\"it public.users\");", "SELECT * FROM users", "refuse"),
        ("forbid (principal, action, resource == Table::\"it public.users\");", "SELECT * FROM USERS", "refuse"),
        ("forbid (principal, action, resource == Table::\"it public.users\");", "SELECT * FROM \"Users\"", "allow"),
        ("forbid (principal, action, resource == Table::\"it public.users\");", "SELECT * FROM other.users", "allow"),
        ("forbid (principal, action, resource == Table::\"it users\");", "SELECT * FROM other.users", "refuse"),
        (
            "forbid (principal, action == Action::\"pg.query\", resource) when { resource == Table::\"it users\" };",
            "TABLE other.users",
            "refuse",
        ),
        (
            "forbid (principal, action == Action::\"pg.query\", resource) when { resource == Table::\"it a.users\" };",
            "TABLE users",
            "refuse",
        ),
        (
            "forbid (principal, action == Action::\"pg.query\", resource) when { resource == Table::\"it a.users\" };",
            "TABLE orders",
            "allow",
        ),
        (
            "forbid (principal, action, resource == Table::\"it users\");",
            "WITH x AS (DELETE FROM users) SELECT 1",
            "refuse",
        ),
        ("forbid (principal, action, resource == Table::\"it users\");", "SELECT 1; TRUNCATE orders, users", "refuse"),
        ("forbid (principal, action, resource == Table::\"it users\");", "DO $$ DELETE FROM users $$", "refuse"),
        (
            "forbid (principal, action, resource == Table::\"it users\");",
            "SELECT 'users' FROM orders -- users",
            "allow",
        ),
        ("forbid (principal, action, resource == Table::\"other users\");", "SELECT * FROM users", "allow"),
    ] {
        let is = decide(&format!("{permit}{rule}"), &sql(statement));
        assert_eq!(is.name(), decided, "{rule}\n{statement}\n{is:?}");
    }
    let only = "permit (principal, action, resource == Table::\"it public.users\");";
    for (statement, decided) in
        [("TABLE public.users", "allow"), ("TABLE users", "refuse"), ("SELECT * FROM public.users, orders", "refuse")]
    {
        assert_eq!(decide(only, &sql(statement)).name(), decided, "{statement}");
    }
}

#[test]
fn the_example_of_the_documentation_is_in_order() {
    let text = include_str!("../../docs/policies/production.cedar");
    let source = Source { name: "production.cedar".to_owned(), text: text.to_owned() };
    let policies = Arc::new(Policies::compile(Some(&[source]), &[]).unwrap_or_else(|faults| panic!("{faults}")));
    assert_eq!(policies.warnings(), &[] as &[String]);
    let on_call = Subject { groups: vec!["on-call".to_owned()], ..ana() };
    for (subject, action, rules) in [
        (ana(), sql("SELECT 1"), "read-sql"),
        (ana(), sql("DELETE FROM x"), "no permit"),
        (ana(), exec("sudo ls"), "no permit"),
        (ana(), exec("tail /var/log/x | grep y"), "harmless-programs"),
        (ana(), exec("cat x > /etc/passwd"), "no permit"),
        (on_call.clone(), sql("DELETE FROM x"), "whole-tables"),
        (on_call.clone(), sql("DELETE FROM x WHERE a = 1"), "on-call"),
        (on_call.clone(), sql("DROP TABLE x"), "no-drop"),
        (on_call.clone(), push(&[("refs/heads/main", RefChange::Forced)], &[], true), "rewritten"),
        (ana(), push(&[("refs/heads/main", RefChange::Forced)], &[], true), "office-hours"),
    ] {
        let decided = policies.session(&subject, &target("ssh"), &circumstances()).decide(NOW, &action);
        assert_eq!(decided.rules().join(", "), rules, "{action:?} {decided:?}");
    }
}

#[test]
fn copies_are_judged_by_every_path_that_they_may_have() {
    let rules = "@id(\"copies\") permit (principal, action in Action::\"file\", resource);
        @id(\"no-keys\") forbid (principal, action in Action::\"file\", resource) when { context.path like \"*.key\" };
        @id(\"etc\") forbid (principal, action, resource == Path::\"it /etc/passwd\");";
    let copy = |paths: &[&'static str]| {
        let operation = FileOperation::Send { path: Bytes::from_static(b"x"), size: 1, permissions: 0o644 };
        let paths = paths.iter().map(|path| Bytes::from_static(path.as_bytes())).collect();
        decide(rules, &ActionKind::Transfer(Box::new(Transfer { operation, paths })))
    };
    assert_eq!(copy(&["/srv/x"]).rules(), ["copies"]);
    assert_eq!(copy(&["/srv/x", "/srv/x/own.key"]).rules(), ["no-keys"]);
    assert_eq!(copy(&["/etc/passwd/x", "/etc//passwd"]).rules(), ["etc"]);
    for unknown in [&[][..], &["/srv/../x"]] {
        assert_eq!(copy(unknown).name(), "refuse", "{unknown:?}");
    }
    let any = "permit (principal, action, resource);";
    let operation = FileOperation::Send { path: Bytes::from_static(b"x"), size: 1, permissions: 0o644 };
    let unknown = ActionKind::Transfer(Box::new(Transfer { operation, paths: Vec::new() }));
    assert_eq!(decide(any, &unknown).name(), "allow", "nobody looks at paths");
}

#[test]
fn lines_that_copy_files_unread_are_judged_as_copies_of_unknown_files() {
    let rules = "permit (principal, action, resource);
        @id(\"no-keys\") forbid (principal, action == Action::\"file.read\", resource) when { context.path like \"*.key\" };";
    let source = Source { name: "test.cedar".to_owned(), text: rules.to_owned() };
    let policies = Policies::compile(Some(&[source]), &[]).unwrap_or_else(|faults| panic!("{faults}"));
    let policies = Arc::new(policies.reading(|command| command == b"scp -t /srv"));
    let mut bench = policies.session(&ana(), &target("ssh"), &circumstances());
    for (command, expected) in [
        ("scp -t /srv", "allow"),
        ("ls -l", "allow"),
        ("echo scp -f x", "allow"),
        ("rsync --server . /srv", "allow"),
        ("scp -f a; scp -f b", "refuse"),
        ("s''cp -f a", "refuse"),
        ("sudo scp -f a", "refuse"),
        ("scp a elsewhere:", "refuse"),
        ("sh -c 'scp -t /srv'", "refuse"),
        ("/usr/lib/openssh/sftp-server; true", "refuse"),
    ] {
        assert_eq!(bench.decide(NOW, &exec(command)).name(), expected, "{command}");
    }
}

#[test]
fn a_method_that_a_server_may_take_for_another_is_none_that_is_known() {
    let rules = r#"
        @id("all") permit (principal, action == Action::"http.request", resource);
        @id("no-delete") forbid (principal, action == Action::"http.request", resource) when { context.method == "DELETE" };
    "#;
    for (method, passes) in
        [("GET", true), ("M-SEARCH", true), ("DELETE", false), ("delete", false), ("POST>DELETE", false)]
    {
        let url = Bytes::from_static(b"http://web/x");
        let request = ActionKind::Request { method: Bytes::from_static(method.as_bytes()), url };
        assert_eq!(matches!(decide(rules, &request), Decided::Allow { .. }), passes, "{method}");
    }
}
