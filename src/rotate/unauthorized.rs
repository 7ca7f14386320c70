//! Which answers mean that a credential was rejected.

/// What the credential is for, and so how a rejection looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Service {
    /// HTTP: status 401.
    Http,
    /// HTTP of servers that answer 403 to keys that are not theirs.
    HttpOrForbidden,
    /// AWS: names of exceptions.
    Aws,
    /// gRPC: codes, by number or name.
    Grpc,
    /// `PostgreSQL`: SQLSTATE.
    Postgres,
    /// `MySQL` and `MariaDB`: numbers of errors.
    MySql,
    /// Redis and Valkey: the first word of an error.
    Redis,
    /// `MongoDB`: codes.
    MongoDb,
    /// SMTP: reply codes.
    Smtp,
    /// LDAP: result codes.
    Ldap,
    /// AMQP: reply codes.
    Amqp,
    /// Kafka: codes.
    Kafka,
}

/// The codes of each service. What is not here is not retried: 429 and 5xx least of all.
const TABLE: &[(Service, &[&str])] = &[
    (Service::Http, &["401"]),
    (Service::HttpOrForbidden, &["401", "403"]),
    (
        Service::Aws,
        &[
            "ExpiredToken",
            "ExpiredTokenException",
            "RequestExpired",
            "InvalidClientTokenId",
            "UnrecognizedClientException",
            "InvalidAccessKeyId",
            "InvalidToken",
            "SignatureDoesNotMatch",
            "AuthFailure",
        ],
    ),
    (Service::Grpc, &["16", "UNAUTHENTICATED"]),
    (Service::Postgres, &["28P01", "28000"]),
    (Service::MySql, &["1045", "1698"]),
    (Service::Redis, &["WRONGPASS", "NOAUTH"]),
    (Service::MongoDb, &["18", "AuthenticationFailed"]),
    (Service::Smtp, &["535", "534"]),
    (Service::Ldap, &["49"]),
    (Service::Amqp, &["403", "ACCESS_REFUSED"]),
    (Service::Kafka, &["58", "SASL_AUTHENTICATION_FAILED"]),
];

impl Service {
    /// Whether a code of this service says that the credential was rejected.
    #[must_use]
    pub fn is_rejection(self, code: &str) -> bool {
        TABLE.iter().filter(|(service, _)| *service == self).any(|(_, codes)| codes.contains(&code))
    }
}

/// Whether an HTTP status says that the credential was rejected: 401.
#[must_use]
pub fn is_unauthorized(status: u16) -> bool {
    status == 401
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejections_are_told_from_other_failures() {
        for (service, yes, no) in [
            (Service::Http, "401", "403"),
            (Service::HttpOrForbidden, "403", "429"),
            (Service::Aws, "ExpiredTokenException", "ThrottlingException"),
            (Service::Grpc, "UNAUTHENTICATED", "UNAVAILABLE"),
            (Service::Postgres, "28P01", "53300"),
            (Service::MySql, "1045", "1040"),
            (Service::Redis, "WRONGPASS", "LOADING"),
            (Service::MongoDb, "18", "13"),
            (Service::Smtp, "535", "454"),
            (Service::Ldap, "49", "51"),
            (Service::Amqp, "ACCESS_REFUSED", "404"),
            (Service::Kafka, "58", "7"),
        ] {
            assert!(service.is_rejection(yes), "{service:?} {yes}");
            assert!(!service.is_rejection(no), "{service:?} {no}");
            for never in ["429", "500", "503", ""] {
                assert!(!service.is_rejection(never), "{service:?} {never}");
            }
        }
    }
}
