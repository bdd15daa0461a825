//! Tokens that platforms give to the programs that they run.

use serde_json::{Map, Value};

use crate::claims::texts_at;
use crate::identity::is_name;
use crate::token::text_of;

/// The issuer of Google's accounts, of persons and of services alike.
const GOOGLE: &str = "https://accounts.google.com";

/// A program that runs on a platform.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Workload {
    pub(crate) name: String,
    pub(crate) groups: Vec<String>,
}

/// The workload that `claims`, by the issuer at `issuer`, are about; `None` when they are about none.
pub(crate) fn recognise(claims: &Map<String, Value>, issuer: &str) -> Option<Workload> {
    let subject = text_of(claims, "sub")?;
    let workload = kubernetes(claims, &subject)
        .or_else(|| github(claims))
        .or_else(|| gitlab(claims, &subject))
        .or_else(|| google(claims, issuer))
        .or_else(|| subject.starts_with("spiffe://").then(|| Workload { name: subject.clone(), groups: Vec::new() }))?;
    is_name(&workload.name).then_some(workload)
}

/// A service account of Kubernetes, named and grouped as Kubernetes itself does ("Service account token volume
/// projection", "Authenticating": `system:serviceaccount:<namespace>:<name>`).
fn kubernetes(claims: &Map<String, Value>, subject: &str) -> Option<Workload> {
    let namespace = *texts_at(claims, "kubernetes.io.namespace").first()?;
    let account = *texts_at(claims, "kubernetes.io.serviceaccount.name").first()?;
    if subject != format!("system:serviceaccount:{namespace}:{account}") {
        return None;
    }
    let groups = vec!["system:serviceaccounts".to_owned(), format!("system:serviceaccounts:{namespace}")];
    Some(Workload { name: subject.to_owned(), groups })
}

/// A workflow of GitHub Actions: `repo:acme/shop`. Ref, workflow, environment and the person who set it off are claims.
fn github(claims: &Map<String, Value>) -> Option<Workload> {
    let repository = text_of(claims, "repository")?;
    // The form of the subject can be changed by the owner of a repository: the claims cannot.
    let all = ["workflow", "repository_owner", "run_id"].iter().all(|name| claims.contains_key(*name));
    all.then(|| Workload { name: format!("repo:{repository}"), groups: Vec::new() })
}

/// A job of GitLab CI: `project:acme/shop`.
fn gitlab(claims: &Map<String, Value>, subject: &str) -> Option<Workload> {
    let project = text_of(claims, "project_path")?;
    let all = claims.contains_key("pipeline_id") && claims.contains_key("job_id");
    (all && subject.starts_with("project_path:"))
        .then(|| Workload { name: format!("project:{project}"), groups: Vec::new() })
}

/// A service account of Google Cloud, by its address.
fn google(claims: &Map<String, Value>, issuer: &str) -> Option<Workload> {
    let email = text_of(claims, "email")?;
    let verified = texts_at(claims, "email_verified").first() == Some(&"true");
    (issuer == GOOGLE && verified && email.ends_with(".gserviceaccount.com"))
        .then_some(Workload { name: email, groups: Vec::new() })
}
