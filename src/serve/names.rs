//! Who may ask: pages of the web in a browser of this machine may not, whatever names they give to its address.

use std::net::IpAddr;

use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};

use super::answer::Refusal;

/// Names by which the server may be called, besides `localhost` and addresses. An address is nobody's to give away; a
/// name is its owner's, who may have it stand for this machine for a while.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(pub(super) Vec<String>);

impl Names {
    /// Refuses a request for another host, and one that a page from elsewhere makes.
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
        let refused = |what: &str| {
            let message = format!("{what}; `--allow-host NAME` allows more names than localhost");
            Err(Refusal::new(StatusCode::FORBIDDEN, "permission_error", message))
        };
        let mut hosts = headers.get_all(HOST).iter();
        let is_named = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().is_ok_and(|host| self.allows(host)),
            // HTTP/1.0, or through a socket that browsers do not reach.
            (None, _) => true,
            _ => false,
        };
        if !is_named || uri.authority().is_some_and(|authority| !self.allows(authority.as_str())) {
            return refused("this is not the host that was asked for");
        }
        for origin in headers.get_all(ORIGIN) {
            let host = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
            if !host.is_some_and(|host| self.allows(host)) {
                return refused("pages of other origins may not ask");
            }
        }
        Ok(())
    }

    fn allows(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = authority.host().trim_end_matches('.').to_ascii_lowercase();
        let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let is_local = name == "localhost" || name.ends_with(".localhost");
        !host.contains('@') && (is_address || is_local || self.0.iter().any(|own| own.eq_ignore_ascii_case(&name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_are_refused() {
        let names = Names(vec!["build-7.example".to_owned()]);
        for host in [
            "localhost",
            "localhost:80",
            "LOCALHOST",
            "127.0.0.1:7",
            "[::1]",
            "[::1]:7",
            "Build-7.example:1",
            "a.localhost",
        ] {
            assert!(names.allows(host), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "x@localhost",
            "localhost@evil.example",
        ] {
            assert!(!names.allows(host), "{host}");
        }
    }

    #[test]
    fn one_host_is_asked_and_no_page_of_others_asks() {
        let check = |headers: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, value.parse().unwrap());
            }
            Names::default().check(&Uri::from_static("/v1/scan"), &map).is_ok()
        };
        assert!(check(&[("host", "127.0.0.1:7487")]) && check(&[]));
        assert!(check(&[("host", "localhost"), ("origin", "http://localhost:3000")]));
        assert!(!check(&[("host", "evil.example")]));
        assert!(!check(&[("host", "localhost"), ("host", "evil.example")]));
        assert!(!check(&[("host", "localhost"), ("origin", "https://evil.example")]));
        assert!(!check(&[("host", "localhost"), ("origin", "null")]));
        let absolute = Uri::from_static("http://evil.example/v1/scan");
        assert!(Names::default().check(&absolute, &HeaderMap::new()).is_err());
    }
}
