//! Which rules of ours are plainly the same as a rule that comes with gitleaks, by its id there.
//!
//! A file that disables or changes such a rule means ours then. Rules of the same id are not listed.

/// Ids of gitleaks, ascending, and ours.
const TABLE: &[(&str, &[&str])] = &[
    ("adafruit-api-key", &["adafruit-io-key"]),
    ("airtable-personnal-access-token", &["airtable-personal-access-token"]),
    ("alibaba-secret-key", &["alibaba-access-key-secret"]),
    ("anthropic-admin-api-key", &["anthropic-admin-key"]),
    ("artifactory-api-key", &["jfrog-api-key"]),
    ("artifactory-reference-token", &["jfrog-reference-token"]),
    ("authress-service-client-access-key", &["authress-service-client-key"]),
    ("aws-access-token", &["aws-access-key-id", "aws-temporary-access-key-id", "aws-bearer-token-id"]),
    ("aws-amazon-bedrock-api-key-long-lived", &["aws-bedrock-api-key"]),
    ("aws-amazon-bedrock-api-key-short-lived", &["aws-bedrock-short-term-key"]),
    ("cisco-meraki-api-key", &["meraki-api-key"]),
    ("clickhouse-cloud-api-secret-key", &["clickhouse-api-secret"]),
    ("clojars-api-token", &["clojars-deploy-token"]),
    ("cloudflare-api-key", &["cloudflare-api-token-legacy"]),
    ("cloudflare-global-api-key", &["cloudflare-global-key", "cloudflare-global-key-legacy"]),
    ("cohere-api-token", &["cohere-api-key"]),
    ("confluent-access-token", &["confluent-api-key-id"]),
    ("confluent-secret-key", &["confluent-api-secret", "confluent-api-secret-legacy"]),
    ("contentful-delivery-api-token", &["contentful-delivery-token"]),
    ("databricks-api-token", &["databricks-access-token"]),
    ("datadog-access-token", &["datadog-api-key", "datadog-app-key"]),
    ("defined-networking-api-token", &["definednetworking-api-key"]),
    ("digitalocean-pat", &["digitalocean-access-token"]),
    ("doppler-api-token", &["doppler-token"]),
    ("droneci-access-token", &["drone-access-token"]),
    ("dropbox-long-lived-api-token", &["dropbox-long-lived-token"]),
    ("dropbox-short-lived-api-token", &["dropbox-short-lived-token"]),
    ("duffel-api-token", &["duffel-access-token"]),
    ("easypost-api-token", &["easypost-api-key"]),
    ("easypost-test-api-token", &["easypost-test-api-key"]),
    ("etsy-access-token", &["etsy-api-key"]),
    ("facebook-page-access-token", &["facebook-access-token"]),
    ("facebook-secret", &["facebook-app-secret"]),
    ("finnhub-access-token", &["finnhub-api-key"]),
    ("flickr-access-token", &["flickr-api-key"]),
    ("flyio-access-token", &["flyio-macaroon-token", "flyio-access-token-legacy"]),
    ("frameio-api-token", &["frameio-developer-token"]),
    ("gcp-api-key", &["google-api-key"]),
    ("generic-api-key", &["generic-secret", "generic-dot-secret"]),
    ("github-app-token", &["github-app-user-token", "github-app-installation-token"]),
    ("github-oauth", &["github-oauth-token"]),
    ("gitlab-cicd-job-token", &["gitlab-ci-job-token"]),
    ("gitlab-feature-flag-client-token", &["gitlab-feature-flag-token"]),
    ("gitlab-kubernetes-agent-token", &["gitlab-agent-token"]),
    ("gitlab-oauth-app-secret", &["gitlab-oauth-secret"]),
    ("gitlab-pat-routable", &["gitlab-routable-token"]),
    ("gitlab-ptt", &["gitlab-trigger-token"]),
    ("gitlab-rrt", &["gitlab-runner-registration-token"]),
    ("gitlab-runner-authentication-token", &["gitlab-runner-token"]),
    ("gocardless-api-token", &["gocardless-access-token"]),
    ("grafana-cloud-api-token", &["grafana-cloud-token"]),
    ("hashicorp-tf-api-token", &["hashicorp-terraform-token"]),
    ("heroku-api-key-v2", &["heroku-api-key"]),
    ("huggingface-organization-api-token", &["huggingface-org-token"]),
    ("infracost-api-token", &["infracost-api-key"]),
    ("jwt", &["jwt-token"]),
    ("kubernetes-secret-yaml", &["kubernetes-secret-manifest"]),
    ("lob-pub-api-key", &["lob-api-key"]),
    ("mailgun-private-api-token", &["mailgun-private-key", "mailgun-api-key", "mailgun-legacy-api-key"]),
    ("mailgun-pub-key", &["mailgun-public-key"]),
    ("messagebird-api-token", &["messagebird-access-key"]),
    ("new-relic-browser-api-token", &["newrelic-browser-key"]),
    ("new-relic-insert-key", &["newrelic-insert-key"]),
    ("new-relic-user-api-id", &["newrelic-api-id-key"]),
    ("new-relic-user-api-key", &["newrelic-user-key"]),
    ("notion-api-token", &["notion-integration-token", "notion-legacy-token"]),
    ("nytimes-access-token", &["nytimes-api-key"]),
    ("octopus-deploy-api-key", &["octopusdeploy-api-key"]),
    ("okta-access-token", &["okta-api-token"]),
    ("plaid-api-token", &["plaid-access-token"]),
    ("plaid-secret-key", &["plaid-secret"]),
    ("planetscale-api-token", &["planetscale-token"]),
    ("postman-api-token", &["postman-api-key"]),
    ("prefect-api-token", &["prefect-api-key"]),
    (
        "private-key",
        &[
            "private-key-pem",
            "private-key-pem-encrypted",
            "private-key-pgp",
            "private-key-putty",
            "private-key-ssh2",
            "private-key-truncated",
        ],
    ),
    ("privateai-api-token", &["privateai-api-key"]),
    ("pulumi-api-token", &["pulumi-access-token"]),
    ("pypi-upload-token", &["pypi-api-token"]),
    ("rapidapi-access-token", &["rapidapi-api-key", "rapidapi-key"]),
    ("readme-api-token", &["readme-api-key"]),
    ("rubygems-api-token", &["rubygems-api-key"]),
    ("sendgrid-api-token", &["sendgrid-api-key"]),
    ("sendinblue-api-token", &["brevo-api-key"]),
    ("sentry-access-token", &["sentry-legacy-token"]),
    ("settlemint-application-access-token", &["settlemint-access-token"]),
    ("settlemint-personal-access-token", &["settlemint-access-token"]),
    ("settlemint-service-access-token", &["settlemint-access-token"]),
    ("shopify-custom-access-token", &["shopify-access-token"]),
    ("shopify-private-app-access-token", &["shopify-access-token"]),
    ("sidekiq-secret", &["sidekiq-gem-credentials"]),
    ("sidekiq-sensitive-url", &["sidekiq-gem-server-url"]),
    ("slack-webhook-url", &["slack-webhook"]),
    ("sonar-api-token", &["sonar-token"]),
    ("squarespace-access-token", &["squarespace-api-key"]),
    ("stripe-access-token", &["stripe-secret-key", "stripe-restricted-key", "stripe-test-key"]),
    ("sumologic-access-token", &["sumologic-access-key"]),
    ("telegram-bot-api-token", &["telegram-bot-token", "telegram-bot-token-contextual"]),
    ("travisci-access-token", &["travis-api-token"]),
    ("twilio-api-key", &["twilio-api-key-sid"]),
    ("twitch-api-token", &["twitch-access-token"]),
    ("typeform-api-token", &["typeform-personal-access-token"]),
    ("vault-batch-token", &["hashicorp-vault-batch-token"]),
    ("vault-service-token", &["hashicorp-vault-service-token"]),
    ("yandex-access-token", &["yandex-iam-token"]),
    ("yandex-aws-access-token", &["yandex-secret-key"]),
    ("zendesk-secret-key", &["zendesk-api-token"]),
];

/// The ids of our rules that stand for this one.
pub(super) fn of(id: &str) -> Vec<&'static str> {
    if let Ok(at) = TABLE.binary_search_by_key(&id, |entry| entry.0) {
        return TABLE[at].1.to_vec();
    }
    same(id).into_iter().collect()
}

/// Our rule of the same id.
#[cfg(feature = "builtin-rules")]
fn same(id: &str) -> Option<&'static str> {
    use std::collections::BTreeSet;
    use std::sync::OnceLock;
    static IDS: OnceLock<BTreeSet<String>> = OnceLock::new();
    let ids = IDS.get_or_init(|| {
        let rules = crate::rule::RuleSet::builtin();
        rules.rules().iter().map(|rule| rule.id().to_owned()).collect()
    });
    ids.get(id).map(String::as_str)
}

#[cfg(not(feature = "builtin-rules"))]
fn same(_: &str) -> Option<&'static str> {
    None
}

#[cfg(all(test, feature = "builtin-rules"))]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_names_rules_that_are_there() {
        assert!(TABLE.is_sorted_by(|a, b| a.0 < b.0));
        let rules = crate::rule::RuleSet::builtin();
        for (theirs, ours) in TABLE {
            assert!(rules.get(theirs).is_none(), "{theirs} is ours as well and need not be listed");
            assert!(!ours.is_empty() && ours.iter().all(|id| rules.get(id).is_some()), "{theirs}: {ours:?}");
        }
    }

    #[test]
    fn a_rule_of_the_same_id_stands_for_itself() {
        assert_eq!(of("github-pat"), ["github-pat"]);
        assert_eq!(of("no-such-rule"), [""; 0]);
    }
}
