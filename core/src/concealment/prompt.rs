//! Lines that ask for a secret.

/// Words that name a secret wherever they stand, in lower case.
const NAMES: &[&str] = &[
    "password",
    "passphrase",
    "pass phrase",
    "passcode",
    "passwd",
    "passwort",
    "kennwort",
    "mot de passe",
    "phrase secrète",
    "contraseña",
    "contrasena",
    "senha",
    "wachtwoord",
    "lösenord",
    "passord",
    "adgangskode",
    "salasana",
    "hasło",
    "heslo",
    "jelszó",
    "şifre",
    "пароль",
    "密码",
    "密碼",
    "口令",
    "パスワード",
    "암호",
    "비밀번호",
];

/// Words that name a secret when they stand alone, in lower case.
const WORDS: &[&str] = &[
    "pin",
    "puk",
    "otp",
    "totp",
    "token",
    "secret",
    "mfa",
    "2fa",
    "pwd",
    "clave",
    "parola",
    "api key",
    "apikey",
    "access key",
    "secret key",
    "private key",
    "verification code",
    "security code",
    "authentication code",
    "authenticator code",
    "one-time code",
    "backup code",
    "recovery code",
    "recovery key",
    "unlock key",
    "license key",
    "one-time password",
];

/// Whether `line`, which the cursor stands at the end of, asks for a secret.
///
/// A line of a program that merely mentions one does not end in `:`, `?` or `>`, or is no longer the current line.
pub(super) fn asks_for_secret(line: &str) -> bool {
    let line = line.trim_end();
    let Some(question) = line.strip_suffix([':', '?', '>', '：', '？']) else { return false };
    let arrow = line.ends_with('>');
    let question = question.trim_end().to_lowercase();
    if arrow {
        // A shell's prompt ends like this too, and its directory may be called `token`: only the bare word counts.
        return NAMES.iter().chain(WORDS).any(|name| ends_with_word(&question, name));
    }
    NAMES.iter().any(|name| question.contains(name)) || WORDS.iter().any(|word| contains_word(&question, word))
}

fn contains_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(start, _)| {
        let before = text.get(..start).and_then(|head| head.chars().next_back());
        let after = text.get(start + word.len()..).and_then(|tail| tail.chars().next());
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

fn ends_with_word(text: &str, word: &str) -> bool {
    let Some(before) = text.strip_suffix(word) else { return false };
    before.chars().next_back().is_none_or(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::asks_for_secret;

    #[test]
    fn prompts_of_real_programs_are_known() {
        for line in [
            "[sudo] password for ana: ",
            "Password: ",
            "Password:",
            "ana@web1's password: ",
            "(ana@web1) Verification code: ",
            "Enter passphrase for key '/home/ana/.ssh/id_ed25519': ",
            "Enter passphrase (empty for no passphrase): ",
            "Enter same passphrase again: ",
            "Enter PIN for ED25519-SK key /home/ana/.ssh/id_ed25519_sk: ",
            "(current) UNIX password: ",
            "New password: ",
            "Retype new password: ",
            "Password for user ana: ",
            "Enter new password for user \"ana\": ",
            "Enter password: ",
            "Password for 'https://ana@git.example.com': ",
            "Enter PEM pass phrase:",
            "Enter Export Password:",
            "BECOME password: ",
            "Vault password: ",
            "Passcode or option (1-3): ",
            "One-time password (OATH) for `ana': ",
            "Token: ",
            "AWS Secret Access Key [None]: ",
            "Password> ",
            "Enter PIN? ",
            "Passwort: ",
            "Mot de passe\u{a0}: ",
            "[sudo] contraseña para ana: ",
            "Пароль: ",
            "密码：",
            "パスワード:",
        ] {
            assert!(asks_for_secret(line), "{line}");
        }
    }

    #[test]
    fn other_lines_are_not() {
        for line in [
            "",
            "$ ",
            "ana@web1:~$ ",
            "ana@web1:~/password$ ",
            "~/token-service> ",
            "~/src/secret> ",
            "secrets=> ",
            "mysql> ",
            "Username: ",
            "Do you have an opinion? ",
            "Spinning: ",
            "tokenizer: ",
            "Are you sure you want to continue connecting (yes/no/[fingerprint])? ",
            "Sorry, try again.",
            "the password was changed",
        ] {
            assert!(!asks_for_secret(line), "{line}");
        }
    }
}
