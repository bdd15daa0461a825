//! The places where keys are changed into tokens, as Google and GitHub document them: `tests/clients/token_service.py`.

use std::path::PathBuf;

use serde_json::json;

use crate::program::{Program, Running};
use crate::stage::{Folder, client_python, client_script, wait_until};

/// The places, and the keys that the gateway shows there.
pub struct TokenService {
    server: Running,
    port: u16,
    /// The key file of a service account of Google.
    pub google: PathBuf,
    /// The private key of an app at GitHub.
    pub github: PathBuf,
}

/// Makes an RSA key called `name`, in the form that `words` of openssl give, and its public half.
fn rsa(folder: &Folder, name: &str, words: &[&str]) -> PathBuf {
    let private = folder.join(&format!("{name}.key"));
    let openssl = || Program::new("openssl");
    openssl().arg("genrsa").args(words).arg("-out").arg(&private).arg("2048").succeed();
    let public = folder.join(&format!("{name}.pem"));
    openssl().args(["rsa", "-pubout", "-in"]).arg(&private).arg("-out").arg(public).succeed();
    private
}

impl TokenService {
    /// Starts them; tokens live for `life` seconds, and the first one of GitHub is `token`.
    #[must_use]
    pub fn start(folder: &Folder, life: u32, token: Option<&str>) -> Self {
        let google_key = rsa(folder, "google", &[]);
        // As GitHub gives them: PKCS#1.
        let github = rsa(folder, "github", &["-traditional"]);
        let server = folder.program(client_python()).arg(client_script("token_service.py"));
        let server = server.arg(folder.path()).arg(life.to_string()).args(token).start();
        let port = server.line("listen ").trim().parse().expect("a port");
        let key = json!({
            "type": "service_account",
            "client_email": "gateway@project.iam.gserviceaccount.com",
            "private_key_id": "key-1",
            "private_key": std::fs::read_to_string(google_key).expect("openssl wrote a key"),
            "token_uri": format!("http://127.0.0.1:{port}/token"),
        });
        let google = folder.write("service-account.json", key.to_string());
        Self { server, port, google, github }
    }

    /// The URL of it all.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The tokens that were issued, each with what it is for, in order; waits until there are `count` at least.
    #[must_use]
    pub fn issued(&self, count: usize) -> Vec<(String, String)> {
        let issued = || {
            let printed = self.server.printed();
            // The last line may not be whole yet.
            let whole = printed.rfind('\n').map_or("", |end| &printed[..end]);
            let lines = whole.lines().filter_map(|line| line.strip_prefix("issued "));
            let pairs = lines.filter_map(|line| line.rsplit_once(' '));
            pairs.map(|(kind, token)| (kind.to_owned(), token.to_owned())).collect::<Vec<_>>()
        };
        wait_until("so many tokens are issued", || issued().len() >= count);
        issued()
    }

    /// What it would not take.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        self.server.printed().lines().filter_map(|line| line.strip_prefix("refused ")).map(str::to_owned).collect()
    }

    /// What the configuration says of a token of Google, with `more` settings.
    #[must_use]
    pub fn google_source(&self, more: &str) -> String {
        format!("credential = {{ gcp = {{ key_file = {:?}{more} }} }}", self.google.display().to_string())
    }

    /// The same of an installation at GitHub.
    #[must_use]
    pub fn github_source(&self, more: &str) -> String {
        format!(
            "credential = {{ github_app = {{ app_id = 12345, key_file = {:?}, installation = 678, api = {:?}{more} }} }}",
            self.github.display().to_string(),
            self.url()
        )
    }
}
