//! [`Address`]: where a server listens, taken apart and checked.

use std::fmt;

use super::ServerError;

/// Where a server listens: `http://host[:port][/path]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Name or number of the machine; IPv6 without brackets.
    pub(super) host: String,
    /// TCP port.
    pub(super) port: u16,
    /// What stands before each path, without a slash at its end.
    base: String,
}

impl Address {
    /// Takes an address apart.
    ///
    /// # Errors
    /// [`ServerError::Address`].
    pub(super) fn parse(text: &str) -> Result<Self, ServerError> {
        let bad = |problem| ServerError::Address {
            problem,
            address: text.escape_debug().to_string(),
        };
        let trimmed = text.trim();
        let (scheme, rest) = trimmed
            .split_once("://")
            .ok_or_else(|| bad("it does not start with http://"))?;
        if scheme.eq_ignore_ascii_case("https") {
            return Err(bad(
                "https is not spoken here; go through an SSH tunnel where the way is not to be trusted",
            ));
        }
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(bad("it does not start with http://"));
        }
        if rest
            .chars()
            .any(|c| !c.is_ascii_graphic() || "@?#".contains(c))
        {
            return Err(bad("it has a space or a sign that does not belong there"));
        }
        let (authority, base) = rest
            .find('/')
            .map_or((rest, ""), |slash| rest.split_at(slash));
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest
                    .split_once(']')
                    .ok_or_else(|| bad("a bracket is not closed"))?;
                (host, port.strip_prefix(':'))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        if host.is_empty() {
            return Err(bad("it names no machine"));
        }
        let port = match port {
            None => 80,
            Some(port) => port
                .parse()
                .map_err(|_| bad("its port is no number up to 65535"))?,
        };
        Ok(Self {
            host: host.into(),
            port,
            base: base.trim_end_matches('/').into(),
        })
    }

    /// Host and port as they stand in a request.
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// The path of an endpoint such as `/health`.
    pub(super) fn path(&self, endpoint: &str) -> String {
        format!("{}{endpoint}", self.base)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_a_port_and_perhaps_a_path() {
        let address = Address::parse(" http://render.local:9000/trellis/ ").unwrap();
        assert_eq!(address.to_string(), "http://render.local:9000/trellis");
        assert_eq!(address.path("/health"), "/trellis/health");
        assert_eq!(Address::parse("HTTP://10.0.0.2").unwrap().port, 80);
        let address = Address::parse("http://[::1]:8001").unwrap();
        assert_eq!(
            (address.host.as_str(), address.authority().as_str()),
            ("::1", "[::1]:8001")
        );
    }

    #[test]
    fn an_address_that_cannot_be_used_is_refused_with_the_reason() {
        for (text, reason) in [
            ("127.0.0.1:8001", "http://"),
            ("https://a", "https is not spoken"),
            ("http://", "no machine"),
            ("http://a:99999", "port"),
            ("http://user@a", "does not belong"),
            ("http://a\r\nX: y", "does not belong"),
            ("http://[::1", "bracket"),
        ] {
            let error = Address::parse(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
            assert_eq!(error.lines().count(), 1);
        }
    }
}
