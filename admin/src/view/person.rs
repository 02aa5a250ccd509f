//! People and teams as the API and the dashboard show them.

use gate::Person;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(example = json!(PersonView::sample()))]
pub(crate) struct PersonView {
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) name: String,
    /// `viewer`, `approver` or `admin`.
    pub(crate) role: String,
    pub(crate) teams: Vec<String>,
    pub(crate) disabled: bool,
    /// Has set a password, and can sign in without a link.
    pub(crate) has_password: bool,
    pub(crate) created_at: String,
    pub(crate) last_seen_at: Option<String>,
}

impl PersonView {
    pub(crate) fn of(person: &Person) -> PersonView {
        PersonView {
            id: person.id.to_string(),
            email: person.email.clone(),
            name: person.name.clone(),
            role: person.role.as_str().to_owned(),
            teams: person.teams.clone(),
            disabled: person.disabled,
            has_password: person.has_password,
            created_at: person.created_at.to_string(),
            last_seen_at: person.last_seen_at.map(|at| at.to_string()),
        }
    }

    pub(crate) fn sample() -> PersonView {
        PersonView {
            id: "usr_0199a3c2d8a07c1e9b1f0a2b3c4d5e6f".into(),
            email: "dana@example.com".into(),
            name: "Dana".into(),
            role: "approver".into(),
            teams: vec!["finance".into()],
            disabled: false,
            has_password: true,
            created_at: "2026-03-14T09:00:00.000Z".into(),
            last_seen_at: Some("2026-03-14T09:26:00.000Z".into()),
        }
    }
}

/// A new person, with the link that lets them set their password.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewPersonView {
    #[serde(flatten)]
    pub(crate) person: PersonView,
    /// Good for an hour and one use: hand it over yourself.
    pub(crate) link: String,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct TeamView {
    pub(crate) name: String,
    pub(crate) members: Vec<String>,
}
