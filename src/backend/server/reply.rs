//! What a server says in words: problems, health, waiting times. All of it is outside data and cut to one line.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;

use super::ServerError;
use crate::backend::ModelFamily;

/// Most characters of a text that a server sends.
const MAX_LINE: usize = 300;

/// Whether a server works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HealthStatus {
    /// It takes requests.
    Healthy,
    /// It still loads its model.
    Loading,
    /// It runs and cannot work.
    Error,
}

/// What a server tells of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether it works.
    pub status: HealthStatus,
    /// Its model, where it names one.
    pub model: Option<String>,
    /// Which TRELLIS that is, where it tells.
    pub family: Option<ModelFamily>,
    /// Cells per axis that it makes, the least and the most, where it tells.
    pub resolutions: Option<RangeInclusive<u32>>,
    /// Its version, where it tells.
    pub version: Option<String>,
    /// What the model runs on, where it tells.
    pub device: Option<String>,
    /// Everything besides a prompt that decides what it makes, where it tells: the same for servers that make the same.
    pub identity: Option<String>,
    /// Its last error, where there was one.
    pub last_error: Option<String>,
}

impl Health {
    /// Health from the body of a successful answer: JSON, or plain text such as `ok`. `None` for a web page.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(body);
        let json = serde_json::from_slice::<Value>(body).unwrap_or(Value::Null);
        let word = |key: &str| json.get(key)?.as_str().map(line).filter(|s| !s.is_empty());
        let status = match (&json, word("status")) {
            (Value::Object(_), None) => HealthStatus::Healthy,
            (Value::Object(_), Some(status)) => match status.to_ascii_lowercase().as_str() {
                "healthy" | "ok" | "ready" => HealthStatus::Healthy,
                "loading" | "starting" => HealthStatus::Loading,
                _ => HealthStatus::Error,
            },
            _ if text.trim_start().starts_with('<') => return None,
            _ => HealthStatus::Healthy,
        };
        // Whole and as it is: a cut one might be another's.
        let identity = json.get("identity").and_then(Value::as_str);
        Some(Self {
            status,
            identity: identity.filter(|text| !text.is_empty()).map(Into::into),
            model: word("model"),
            family: family(&json),
            resolutions: resolutions(&json),
            version: word("version"),
            device: word("device_name").or_else(|| word("device")),
            last_error: word("last_error"),
        })
    }
}

/// The model's family: a pipeline type is told of the second generation only, and with it or without by servers of this
/// project that tell their resolutions.
fn family(json: &Value) -> Option<ModelFamily> {
    json.get("resolutions")?.as_array()?;
    match json.get("pipeline_type")? {
        Value::String(_) => Some(ModelFamily::Trellis2),
        Value::Null => Some(ModelFamily::Trellis),
        _ => None,
    }
}

/// The least and the most of a list of numbers.
fn resolutions(json: &Value) -> Option<RangeInclusive<u32>> {
    let told = json.get("resolutions")?.as_array()?.iter();
    let told = told.filter_map(|number| u32::try_from(number.as_u64()?).ok());
    Some(told.clone().min()?..=told.max()?)
}

/// A server's refusal: problem+json, the `detail` of other frameworks, or plain text.
pub(super) fn refusal(
    status: u16,
    body: &[u8],
    retry_after: Option<Duration>,
    url: String,
) -> ServerError {
    let json = serde_json::from_slice::<Value>(body).unwrap_or(Value::Null);
    let text = |key: &str| match json.get(key)? {
        Value::String(text) => Some(line(text)),
        Value::Null => None,
        other => Some(line(&other.to_string())),
    };
    let detail = ["detail", "error", "message", "title"]
        .into_iter()
        .find_map(text)
        .filter(|detail| !detail.is_empty())
        .unwrap_or_else(|| match String::from_utf8_lossy(body).trim() {
            "" => "it gives no reason".into(),
            page if page.starts_with('<') => "it gives no reason but a web page".into(),
            plain => line(plain),
        });
    match status {
        401 | 403 => ServerError::Token { status, url },
        429 | 503 => ServerError::Busy {
            status,
            detail,
            retry_after,
            url,
        },
        _ => ServerError::Refused {
            status,
            detail,
            field: text("field"),
            url,
        },
    }
}

/// `Retry-After` in seconds; a date is not understood, the caller then waits as it would without.
pub(super) fn retry_after(value: &str) -> Option<Duration> {
    value.trim().parse().ok().map(Duration::from_secs)
}

/// A text as one line of bounded length without control characters.
pub(super) fn line(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_LINE)
        .collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_read_from_json_and_from_plain_text() {
        let health = Health::read(br#"{"status":"loading","model":"m","device":"cuda"}"#).unwrap();
        assert_eq!(health.status, HealthStatus::Loading);
        assert_eq!(
            (health.model.as_deref(), health.device.as_deref()),
            (Some("m"), Some("cuda"))
        );
        assert_eq!(Health::read(b"ok\n").unwrap().status, HealthStatus::Healthy);
        assert_eq!(
            Health::read(br#"{"status":7}"#).unwrap().status,
            HealthStatus::Healthy
        );
        assert_eq!(
            Health::read(br#"{"status":"on fire"}"#).unwrap().status,
            HealthStatus::Error
        );
        for (told, family, resolutions) in [
            (
                r#"{"pipeline_type":"512","resolutions":[32,-1,512,"x",64]}"#,
                Some(ModelFamily::Trellis2),
                Some(32..=512),
            ),
            (
                r#"{"pipeline_type":null,"resolutions":[64]}"#,
                Some(ModelFamily::Trellis),
                Some(64..=64),
            ),
            (
                r#"{"pipeline_type":null,"resolutions":[]}"#,
                Some(ModelFamily::Trellis),
                None,
            ),
            (r#"{"pipeline_type":null,"resolutions":null}"#, None, None),
            (r#"{"model":"m"}"#, None, None),
        ] {
            let health = Health::read(told.as_bytes()).unwrap();
            assert_eq!(
                (health.family, health.resolutions),
                (family, resolutions),
                "{told}"
            );
        }
        let long = "x".repeat(2 * MAX_LINE);
        let told = format!(r#"{{"identity":"{long}"}}"#);
        assert_eq!(Health::read(told.as_bytes()).unwrap().identity, Some(long));
        assert_eq!(Health::read(b"<html>hello</html>"), None);
    }

    #[test]
    fn what_a_server_says_is_one_short_line() {
        let body = format!(r#"{{"detail":"a\nb\u001b[31m{}"}}"#, "x".repeat(5000));
        let error = refusal(422, body.as_bytes(), None, "http://a:1".into()).to_string();
        assert!(
            error.starts_with("the server answered with status 422: a b [31mxxx"),
            "{error}"
        );
        assert!(error.len() < 400, "{error}");
    }

    #[test]
    fn a_waiting_time_counts_in_seconds() {
        assert_eq!(retry_after(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Wed, 25 Nov 2026 12:00:00 GMT"), None);
    }
}
