//! A session's slice of the policies decides what all of them decide, asked one by one through Cedar itself.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, Policy, PolicySet, Request, RestrictedExpression,
    Schema,
};
use proptest::prelude::{ProptestConfig, Strategy, prop, prop_assert, prop_assert_eq, proptest};
use proptest::sample::select;
use wiretape_core::event::{ObjectId, PrincipalKind, RefChange, RefUpdate};
use wiretape_core::judge::{ActionKind, Push};
use wiretape_policy::{Circumstances, Policies, Source, Subject, TargetFacts};

/// 2026-11-22 15:04:59 UTC.
const NOW: u64 = 1_795_359_899_000_000_000;

const EFFECTS: [&str; 4] = ["permit", "permit", "@approval(\"leads\") permit", "forbid"];

const PRINCIPALS: [&str; 7] = [
    "principal",
    "principal == Person::\"ana\"",
    "principal == Agent::\"ana\"",
    "principal in Group::\"dev\"",
    "principal in Group::\"ops\"",
    "principal is Person",
    "principal is Agent in Group::\"dev\"",
];

const RESOURCES: [&str; 14] = [
    "resource",
    "resource == Target::\"it\"",
    "resource == Target::\"other\"",
    "resource in Target::\"it\"",
    "resource in Label::\"env=production\"",
    "resource in Label::\"env=test\"",
    "resource is Target",
    "resource is Table in Label::\"env=production\"",
    "resource == Table::\"it public.users\"",
    "resource == Table::\"it public.orders\"",
    "resource in Repository::\"it /x.git\"",
    "resource == Ref::\"it /x.git refs/heads/main\"",
    "resource is Ref",
    "resource in Host::\"it x\"",
];

/// Actions with conditions about them.
const ACTIONS: [(&str, &[&str]); 6] = [
    (
        "action",
        &[
            "true",
            "false",
            "principal in Group::\"dev\"",
            "principal.name == \"ana\"",
            "principal.issuer like \"https*\"",
        ],
    ),
    (
        "action in Action::\"use\"",
        &[
            "context.protocol == \"ssh\"",
            "resource in Label::\"env=production\"",
            "resource in [Label::\"env=production\", Label::\"env=test\"]",
            "context.address.isInRange(ip(\"10.0.0.0/8\"))",
            "context.time.hour > 9",
            "context has label",
            "principal.hasTag(\"team\") && principal.getTag(\"team\").contains(\"blue\")",
        ],
    ),
    (
        "action == Action::\"ssh.exec\"",
        &[
            "context.programs.contains(\"rm\")",
            "[\"ls\"].containsAll(context.programs)",
            "context.command like \"*tmp*\"",
            "context.parsed",
            "context.login == \"root\" && context.words.contains(\"/\")",
        ],
    ),
    (
        "action == Action::\"pg.query\"",
        &[
            "context.kind == \"delete\" && !context.where",
            "context.kind == \"select\"",
            "context.names.contains(\"users\")",
            "resource is Table && resource.name == \"users\"",
            "context.statements == 1",
        ],
    ),
    (
        "action == Action::\"git.push\"",
        &[
            "context.forced",
            "context.change == \"created\"",
            "context.paths.contains(\"a\")",
            "resource.name == \"refs/heads/main\"",
            "resource in Repository::\"it /x.git\"",
            "context.complete",
        ],
    ),
    ("action in [Action::\"git\", Action::\"ssh\"]", &["context.login == \"root\"", "context.time.unix < 0"]),
];

fn policy() -> impl Strategy<Value = String> {
    let action = select(&ACTIONS[..])
        .prop_flat_map(|(action, conditions)| (prop::strategy::Just(action), prop::option::of(select(conditions))));
    (select(&EFFECTS[..]), select(&PRINCIPALS[..]), action, select(&RESOURCES[..]), prop::bool::ANY).prop_map(
        |(effect, principal, (action, condition), resource, unless)| {
            let word = if unless { "unless" } else { "when" };
            let condition = condition.map(|condition| format!(" {word} {{ {condition} }}")).unwrap_or_default();
            format!("{effect} ({principal}, {action}, {resource}){condition};")
        },
    )
}

/// A request with everything that Cedar is told of it, written by hand.
struct Asked {
    action: ActionKind,
    resource: &'static str,
    fields: Vec<(&'static str, RestrictedExpression)>,
}

fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn texts(all: &[&str]) -> RestrictedExpression {
    RestrictedExpression::new_set(all.iter().map(|one| text(one)))
}

fn requests() -> Vec<Asked> {
    let flag = RestrictedExpression::new_bool;
    let exec = |command: &'static str| ActionKind::Exec { command: Bytes::from_static(command.as_bytes()) };
    let query = |text: &'static str| ActionKind::Query { text: Bytes::from_static(text.as_bytes()) };
    let push = |change| {
        let id = ObjectId::Sha1([1; 20]);
        ActionKind::Push(Box::new(Push {
            repository: Bytes::from_static(b"/x.git"),
            updates: vec![RefUpdate { name: Bytes::from_static(b"refs/heads/main"), old: id, new: id, change }],
            options: Vec::new(),
            paths: vec![Bytes::from_static(b"a")],
            complete: change != RefChange::Unknown,
        }))
    };
    let sql = |kind: &str, filtered, text_of: &str| {
        vec![
            ("kind", text(kind)),
            ("object", text("")),
            ("tables", texts(&["public.users"])),
            ("names", texts(&["users"])),
            ("functions", texts(&[])),
            ("where", flag(filtered)),
            ("statements", RestrictedExpression::new_long(1)),
            ("text", text(text_of)),
            ("parsed", flag(true)),
        ]
    };
    let pushed = [("repository", text("/x.git")), ("ref", text("refs/heads/main")), ("options", texts(&[]))];
    let known =
        [("change", text("forced")), ("forced", flag(true)), ("paths", texts(&["a"])), ("complete", flag(true))];
    let table = "Table::\"it public.users\"";
    let main = "Ref::\"it /x.git refs/heads/main\"";
    vec![
        Asked { action: ActionKind::Shell, resource: "Target::\"it\"", fields: Vec::new() },
        Asked {
            action: exec("rm -rf /"),
            resource: "Target::\"it\"",
            fields: vec![
                ("command", text("rm -rf /")),
                ("words", texts(&["rm", "-rf", "/"])),
                ("programs", texts(&["rm"])),
                ("redirections", texts(&[])),
                ("parsed", flag(true)),
            ],
        },
        Asked {
            action: exec("$x /tmp"),
            resource: "Target::\"it\"",
            fields: vec![("command", text("$x /tmp")), ("redirections", texts(&[])), ("parsed", flag(false))],
        },
        Asked {
            action: query("DELETE FROM public.users"),
            resource: table,
            fields: sql("delete", false, "DELETE FROM public.users"),
        },
        Asked {
            action: query("SELECT * FROM public.users WHERE a = 1"),
            resource: table,
            fields: sql("select", true, "SELECT * FROM public.users WHERE a = 1"),
        },
        Asked {
            action: push(RefChange::Forced),
            resource: main,
            fields: pushed.iter().cloned().chain(known).collect(),
        },
        Asked {
            action: push(RefChange::Unknown),
            resource: main,
            fields: pushed.into_iter().chain([("complete", flag(false))]).collect(),
        },
    ]
}

fn uid(text: &str) -> EntityUid {
    text.parse().expect(text)
}

fn entities() -> Entities {
    let (schema, _) = Schema::from_cedarschema_str(wiretape_policy::SCHEMA).expect("the schema");
    let attributes = |all: &[(&str, &str)]| {
        all.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect::<std::collections::HashMap<_, _>>()
    };
    let entity = |of: &str, all: &[(&str, &str)], parents: &[&str]| {
        let parents: HashSet<EntityUid> = parents.iter().map(|parent| uid(parent)).collect();
        Entity::new(uid(of), attributes(all), parents).expect(of)
    };
    let ana = Entity::new_with_tags(
        uid("Person::\"ana\""),
        attributes(&[("name", "ana"), ("issuer", ""), ("on_behalf_of", "")]),
        [uid("Group::\"dev\"")],
        [("team".to_owned(), texts(&["blue"]))],
    );
    let own = [
        ana.expect("ana"),
        entity("Target::\"it\"", &[("name", "it"), ("kind", "ssh")], &["Label::\"env=production\""]),
        entity("Table::\"it public.users\"", &[("name", "users"), ("schema", "public")], &["Target::\"it\""]),
        entity("Repository::\"it /x.git\"", &[("path", "/x.git")], &["Target::\"it\""]),
        entity("Ref::\"it /x.git refs/heads/main\"", &[("name", "refs/heads/main")], &["Repository::\"it /x.git\""]),
    ];
    let actions = schema.action_entities().expect("actions");
    Entities::from_entities(own.into_iter().chain(actions.iter().cloned()), None).expect("entities")
}

fn circumstances() -> Circumstances {
    Circumstances {
        client_address: Some("10.1.2.3".parse().expect("an address")),
        protocol: "ssh".to_owned(),
        login: "root".to_owned(),
        label: None,
    }
}

/// What Cedar says of each policy alone, summed by the rules of docs/POLICY.md.
fn expected(policies: &[String], asked: &Asked, entities: &Entities) -> &'static str {
    let time = RestrictedExpression::new_record([
        ("unix".to_owned(), RestrictedExpression::new_long(1_795_359_899)),
        ("hour".to_owned(), RestrictedExpression::new_long(15)),
        ("minute".to_owned(), RestrictedExpression::new_long(4)),
        ("weekday".to_owned(), text("sunday")),
    ]);
    let all = [
        ("time", time.expect("a time")),
        ("address", RestrictedExpression::new_ip("10.1.2.3")),
        ("protocol", text("ssh")),
        ("login", text("root")),
    ];
    let fields = all.into_iter().chain(asked.fields.iter().cloned()).map(|(name, value)| (name.to_owned(), value));
    let context = Context::from_pairs(fields).expect("a context");
    let action = uid(&format!("Action::\"{}\"", asked.action.name()));
    let request = Request::new(uid("Person::\"ana\""), action, uid(asked.resource), context, None).expect("a request");
    let (mut permitted, mut asks, mut refused) = (false, false, false);
    for policy in policies {
        let mut set = PolicySet::new();
        set.add(Policy::parse(None, policy).expect(policy)).expect(policy);
        let response = Authorizer::new().is_authorized(&request, &set, entities);
        let failed = response.diagnostics().errors().next().is_some();
        let holds = response.diagnostics().reason().next().is_some();
        assert!(!holds || failed || (response.decision() == Decision::Allow) == policy.contains("permit"));
        if policy.starts_with("forbid") {
            refused |= holds || failed;
        } else if policy.starts_with('@') {
            asks |= holds;
            refused |= failed;
        } else {
            permitted |= holds;
        }
    }
    if refused {
        "refuse"
    } else if asks {
        "ask"
    } else if permitted {
        "allow"
    } else {
        "refuse"
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_slice_decides_what_all_policies_decide(policies in prop::collection::vec(policy(), 0..60)) {
        let entities = entities();
        let source = Source { name: "x.cedar".to_owned(), text: policies.join("\n") };
        let compiled = Arc::new(Policies::compile(Some(&[source]), &[]).unwrap_or_else(|faults| panic!("{faults}")));
        let subject = Subject {
            name: "ana".to_owned(),
            kind: PrincipalKind::Person,
            groups: vec!["dev".to_owned()],
            claims: BTreeMap::from([("team".to_owned(), BTreeSet::from(["blue".to_owned()]))]),
            ..Subject::default()
        };
        let labels = BTreeMap::from([("env".to_owned(), "production".to_owned())]);
        let target = TargetFacts { name: "it".to_owned(), kind: "ssh".to_owned(), labels, ..TargetFacts::default() };
        let mut bench = compiled.session(&subject, &target, &circumstances());
        for asked in requests() {
            let decided = bench.decide(NOW, &asked.action);
            let expected = expected(&policies, &asked, &entities);
            prop_assert_eq!(decided.name(), expected, "{:?}\n{:?}\n{}", asked.action, decided, policies.join("\n"));
            prop_assert_eq!(bench.decide(NOW, &asked.action), decided.clone(), "what is remembered is the same");
            let looks = bench.looks_into(asked.action.name());
            prop_assert!(looks || decided.name() == "allow", "a promise: {:?}\n{}", decided, policies.join("\n"));
        }
    }

    #[test]
    fn a_forbid_always_wins(policies in prop::collection::vec(policy(), 0..12)) {
        let text = format!("{}\n@id(\"never\") forbid (principal, action, resource);", policies.join("\n"));
        let source = Source { name: "x.cedar".to_owned(), text };
        let compiled = Arc::new(Policies::compile(Some(&[source]), &[]).unwrap_or_else(|faults| panic!("{faults}")));
        let subject = Subject { name: "ana".to_owned(), ..Subject::default() };
        let target = TargetFacts { name: "it".to_owned(), ..TargetFacts::default() };
        let mut bench = compiled.session(&subject, &target, &circumstances());
        for asked in requests() {
            prop_assert_eq!(bench.decide(NOW, &asked.action).name(), "refuse");
        }
    }
}
