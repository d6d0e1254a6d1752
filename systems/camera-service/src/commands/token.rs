//! `token`: made, and ended before their time.

use camera_access::{ApiKeys, Event, Revoked, Role};
use camera_config::{Algorithm, JWT_SECRET, Span};
use jiff::Timestamp;

use super::{Failure, Record, because, env_file};
use crate::home::Home;
use crate::run;
use service_setup::complain;
use service_setup::files::Owner;
use service_setup::output::hand_over;

/// Makes a token; it alone goes to the standard output.
///
/// # Errors
/// No usable secret, tokens that an identity provider makes, a lifetime or user that cannot be, no audit log.
pub fn new(home: &Home, role: Role, user: Option<&str>, lifetime: Option<Span>) -> Result<(), Failure> {
    let (config, environment) = home.read()?;
    let (tokens, _) = run::tokens(home, &config, &environment)?;
    let record = Record::open(&config)?;
    let named = user.is_some();
    let user = user.unwrap_or(role.name());
    let lifetime = lifetime.unwrap_or(config.security.jwt.lifetime).duration();
    let issued = tokens
        .issue(user, role, lifetime, Timestamp::now())
        .map_err(|error| Failure::Wrong(error.to_string()))?;
    record.write(
        Event::TokenCreated,
        &issued.id,
        &format!("for {user}, {role}, until {:.0}", issued.expires),
    )?;
    complain!("A token of the role {role} for {user}, good until {:.0}.", issued.expires);
    if !named {
        complain!(
            "Without --user, all tokens of this role are one identity, which shares its limits and its name in the audit log."
        );
    }
    complain!("To end it before: camera-service token revoke {}", issued.id);
    Ok(hand_over("the token", issued.text.expose_text().unwrap_or_default())?)
}

/// Ends one token, by its `jti`, or one session; every process knows at once.
///
/// # Errors
/// Something that is no identifier, or the list cannot be changed.
pub fn revoke(home: &Home, id: &str) -> Result<(), Failure> {
    if id.starts_with("eyJ") && id.matches('.').count() == 2 {
        return Err(Failure::Wrong(
            "this is a token: give its identifier, the claim `jti` in it (the audit log calls it `credential`)".into(),
        ));
    }
    if id.is_empty() || id.len() > 128 || id.contains(char::is_control) {
        return Err(Failure::Wrong("an identifier is 1 to 128 bytes of printable text".into()));
    }
    let (config, _) = home.read()?;
    let record = Record::open(&config)?;
    let now = Timestamp::now();
    let keys =
        ApiKeys::open(&config.security.api_keys).and_then(|keys| keys.list()).map_err(because("API keys"))?;
    if keys.iter().any(|key| key.id == id) || ApiKeys::claimed_id(id).is_some() {
        return Err(Failure::Wrong("this is an API key: camera-service api-key revoke ID".into()));
    }
    let revoked = Revoked::open(&config.security.revoked()).map_err(because("revocations"))?;
    // Nobody can say when it would have ended by itself, so it is never forgotten.
    revoked.revoke(id, Timestamp::MAX, now).map_err(because("revocations"))?;
    record.write(Event::TokenRevoked, id, "")?;
    complain!("{id} is revoked: no call is taken from it any more.");
    Ok(())
}

/// Ends all tokens and signed links, by another secret.
///
/// # Errors
/// Tokens that an identity provider makes, a secret that is not in `.env`, a file that cannot be written.
pub fn revoke_all(home: &Home) -> Result<(), Failure> {
    let (config, _) = home.read()?;
    if config.security.jwt.algorithm != Algorithm::HS256 {
        let message = "tokens are signed by an identity provider (security.jwt.algorithm): end them there, or give its new key in security.jwt.public_key";
        return Err(Failure::Failed(message.into()));
    }
    if std::env::var_os(JWT_SECRET).is_some() {
        let message =
            format!("{JWT_SECRET} is set in the environment, which goes before .env: exchange it there");
        return Err(Failure::Failed(message));
    }
    let record = Record::open(&config)?;
    let path = home.env_file();
    env_file::put_secret(&path, Owner::of(&path))?;
    record.write(
        Event::TokenRevoked,
        "all tokens",
        "the secret was exchanged; in force from the next start on",
    )?;
    complain!("{} has a new secret. API keys stay as they are.", path.display());
    complain!("A service that runs still takes the old tokens until: systemctl restart camera-service");
    Ok(())
}
