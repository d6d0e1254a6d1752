//! The token, read anew for each request: whoever exchanges the file has exchanged the token.

use crate::NetBoxError;
use fabric_model::Secret;
use reqwest::header::HeaderValue;
use std::path::Path;
use zeroize::Zeroizing;

/// The largest file that is read as a token, in bytes.
const MAX_TOKEN: u64 = 4096;

/// The value of the header `Authorization` from the token in `path`: a whole header value (`Bearer nbt_...`, `Token ...`) or the token
/// alone, of version 2 (`nbt_KEY.TOKEN`) or version 1; and what of it is the secret.
pub(crate) fn read_authorization(path: &Path) -> Result<(HeaderValue, Secret), NetBoxError> {
    let refuse = |why: String| NetBoxError::Token { path: path.display().to_string(), why };
    let length = std::fs::metadata(path).map_err(|error| refuse(error.to_string()))?.len();
    if length > MAX_TOKEN {
        return Err(refuse(format!("it has {length} bytes, more than a token")));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?);
    let token = text.trim();
    if token.is_empty() {
        return Err(refuse("it is empty".into()));
    }
    let value = Zeroizing::new(match token {
        whole if whole.starts_with("Bearer ") || whole.starts_with("Token ") => whole.to_owned(),
        second if second.starts_with("nbt_") => format!("Bearer {second}"),
        first => format!("Token {first}"),
    });
    let mut value =
        HeaderValue::from_str(&value).map_err(|_| refuse("it holds line breaks or the like".into()))?;
    value.set_sensitive(true);
    let secret = token.rsplit_once(' ').map_or(token, |(_, secret)| secret);
    Ok((value, Secret::new(secret)))
}
