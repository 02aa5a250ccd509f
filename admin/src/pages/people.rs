//! The people: who reads, who decides, who manages; and the link that lets a new one in.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use gate::{PersonId, Timestamp};
use serde::Deserialize;

use super::{Frame, PageError, Reader, filters, render};
use crate::api::users::{AddUserBody, invite, offer, set_role};
use crate::app::App;
use crate::caller::{SignIn, actor};
use crate::error::ApiError;
use crate::input::{AdminRole, Id, Posted};
use crate::view::person::{PersonView, TeamView};

#[derive(Template)]
#[template(path = "people.html")]
pub(crate) struct PeoplePage {
    pub(crate) frame: Frame,
    pub(crate) now: Timestamp,
    pub(crate) people: Vec<PersonView>,
    pub(crate) teams: Vec<TeamView>,
    /// A link just made: for whom, and the link.
    pub(crate) link: Option<(String, String)>,
    pub(crate) wrong: Option<String>,
}

async fn page(app: &App, sign_in: &SignIn) -> Result<PeoplePage, PageError> {
    let directory = app.gate().directory();
    let mut people: Vec<PersonView> = directory.people().iter().map(|person| PersonView::of(person)).collect();
    people.sort_by(|a, b| a.email.cmp(&b.email));
    Ok(PeoplePage {
        frame: Frame::of(app, sign_in, "people", "People").await?,
        now: app.gate().now(),
        people,
        teams: directory.teams().into_iter().map(|(name, members)| TeamView { name, members }).collect(),
        link: None,
        wrong: None,
    })
}

pub(crate) async fn list(Reader(sign_in): Reader, State(app): State<App>) -> Result<Response, PageError> {
    Ok(render(&page(&app, &sign_in).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddForm {
    email: String,
    #[serde(default)]
    name: String,
    role: String,
    /// Names, separated by commas.
    #[serde(default)]
    teams: String,
}

pub(crate) async fn add(State(app): State<App>, posted: Posted<AddForm, AdminRole>) -> Result<Response, PageError> {
    let form = &posted.form;
    let teams = form.teams.split(',').map(str::trim).filter(|team| !team.is_empty()).map(str::to_owned).collect();
    let body = AddUserBody { email: form.email.clone(), name: Some(form.name.clone()), role: form.role.clone(), teams };
    let added = invite(&app, posted.person(), body).await;
    let mut page = page(&app, &posted.sign_in).await?;
    match added {
        Ok(new) => {
            page.link = Some((new.person.email, new.link));
            Ok(render(&page))
        }
        Err(error) => {
            page.wrong = Some(error.detail().to_owned());
            Ok(error.dress(render(&page)))
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeForm {
    deed: Deed,
    #[serde(default)]
    role: String,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Deed {
    Role,
    Link,
    Disable,
    Enable,
}

pub(crate) async fn change(
    Id(id): Id<PersonId>,
    State(app): State<App>,
    posted: Posted<ChangeForm, AdminRole>,
) -> Result<Response, PageError> {
    let by = actor(posted.person());
    let disabled = match posted.form.deed {
        Deed::Disable => true,
        Deed::Enable => false,
        Deed::Role => {
            set_role(&app, posted.person(), id, &posted.form.role).await?;
            return Ok(Redirect::to("/people").into_response());
        }
        Deed::Link => {
            let link = offer(&app, posted.person(), id).await?;
            let mut page = page(&app, &posted.sign_in).await?;
            let email = app.gate().directory().person(id).map(|person| person.email.clone()).unwrap_or_default();
            page.link = Some((email, link));
            return Ok(render(&page));
        }
    };
    app.gate().disable_person(id, disabled, &by).await.map_err(ApiError::from)?;
    Ok(Redirect::to("/people").into_response())
}
