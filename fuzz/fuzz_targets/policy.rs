//! Texts of SQL, lines for a shell, URLs, paths and policies themselves: nothing panics, overflows the stack or runs on,
//! and what is not understood is never let pass by a policy that looks at it.

#![no_main]

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use wiretape_core::event::{FileOperation, OpenMode};
use wiretape_core::judge::ActionKind;
use wiretape_policy::{Bench, Circumstances, CommandLine, Policies, Source, Sql, Subject, TargetFacts};

/// Policies that look at everything, and permit nothing that is not understood.
const POLICIES: &str = r#"
permit (principal, action, resource);
forbid (principal, action == Action::"ssh.exec", resource) when { context.programs.contains("rm") || context.words.contains("x") };
forbid (principal, action == Action::"pg.query", resource) when { context.kind == "delete" && !context.where };
forbid (principal, action == Action::"pg.query", resource == Table::"it public.users");
forbid (principal, action == Action::"http.request", resource) when { context.path like "/admin/*" };
forbid (principal, action == Action::"file.write", resource) when { context.path like "/etc/*" };
"#;

static COMPILED: LazyLock<Arc<Policies>> = LazyLock::new(|| {
    let source = Source { name: "fuzz.cedar".to_owned(), text: POLICIES.to_owned() };
    Arc::new(Policies::compile(Some(&[source]), &[]).expect("they are in order"))
});

fn bench() -> Bench {
    let target = TargetFacts { name: "it".to_owned(), ..TargetFacts::default() };
    COMPILED.session(&Subject::default(), &target, &Circumstances::default())
}

fuzz_target!(|data: &[u8]| {
    let Some((which, rest)) = data.split_first() else { return };
    let text = Bytes::copy_from_slice(rest);
    match which % 5 {
        0 => {
            let sql = Sql::parse(rest);
            assert!(!sql.parts.is_empty());
            let decided = bench().decide(0, &ActionKind::Query { text });
            let known = |part: &wiretape_policy::Part| part.kind.is_some() && part.tables.is_some();
            assert!(sql.parts.iter().all(known) || decided.name() == "refuse");
        }
        1 => {
            let line = CommandLine::parse(rest);
            let decided = bench().decide(0, &ActionKind::Exec { command: text });
            assert!(line.programs.is_some() || decided.name() == "refuse");
        }
        2 => {
            bench().decide(0, &ActionKind::Request { method: Bytes::from_static(b"GET"), url: text });
        }
        3 => {
            let mode = OpenMode { write: true, ..OpenMode::default() };
            bench().decide(0, &ActionKind::File(Box::new(FileOperation::Open { path: text, mode })));
        }
        _ => {
            let source = Source { name: "x.cedar".to_owned(), text: String::from_utf8_lossy(rest).into_owned() };
            let _faults = Policies::compile(Some(&[source]), &[]);
        }
    }
});
