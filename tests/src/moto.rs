//! A stand-in for AWS that checks signatures: moto, which computes each anew by AWS's own library.

use std::net::SocketAddr;

use crate::authority::{Authority, Certificate};
use crate::ports::serve;
use crate::program::Running;
use crate::stage::{Folder, client_python, client_script};

/// Actions that nobody has to sign: those of `tests/clients/aws_account.py`.
const UNSIGNED_ACTIONS: &str = "3";

/// A server of AWS's services, over TLS.
pub struct Moto {
    _server: Running,
    address: SocketAddr,
    /// The name of the key that opens it.
    pub access_key_id: String,
    /// That key.
    pub secret_access_key: String,
}

impl Moto {
    /// Starts one with `certificate`, which `authority` issued.
    #[must_use]
    pub fn start(folder: &Folder, certificate: &Certificate, authority: &Authority) -> Self {
        let (server, addresses) = serve(1, |addresses| {
            let server = folder.program(client_python().with_file_name("moto_server"));
            let server = server.env("INITIAL_NO_AUTH_ACTION_COUNT", UNSIGNED_ACTIONS).args(["-H", "127.0.0.1", "-p"]);
            let server = server.arg(addresses[0].port().to_string()).arg("-c").arg(&certificate.certificate);
            server.arg("-k").arg(&certificate.key).start()
        });
        let account = folder.program(client_python()).arg(client_script("aws_account.py"));
        let account = account.arg(format!("https://localhost:{}", addresses[0].port())).arg(authority.certificate());
        let text = account.succeed().text();
        let (id, key) = text.trim().split_once(' ').expect("a key and its name");
        let (access_key_id, secret_access_key) = (id.to_owned(), key.to_owned());
        Self { _server: server, address: addresses[0], access_key_id, secret_access_key }
    }

    /// Its URL by one of its names, `localhost` or `127.0.0.1`.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!("https://{name}:{}", self.address.port())
    }
}
