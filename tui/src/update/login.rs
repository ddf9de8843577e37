//! The login's form: which field takes the keys, what is sent, and what the answer means. A first factor that held is not
//! a session yet; one that failed leaves what was typed, but for the password.

use super::{call, session};
use crate::clock::Moment;
use crate::message::{Call, Effect, Failure};
use crate::model::{Dirty, Login, LoginStep, Page, State, TextField};
use scm_protocol::auth::{LoginRequest, MIN_PASSWORD_CHARS, Session, SetupRequest};
use scm_protocol::second_factors::LOGIN_OVER;

/// The agent of this terminal said what it holds: its keys stand below the fields.
pub(super) fn agent_keys_came(state: &mut State) {
    if state.page == Page::Login
        && let Some(Ok(keys)) = &state.access.agent_keys
    {
        state.login.keys = keys.clone();
    }
}

/// The first factor held: the code of the second is asked for.
pub(super) fn second_factor_required(state: &mut State) -> Vec<Effect> {
    let login = &mut state.login;
    login.step = LoginStep::SecondFactor;
    (login.busy, login.focus, login.error) = (false, 0, None);
    login.password.clear();
    state.mark(Dirty::Key);
    Vec::new()
}

/// Where Enter goes from the name: to the key that the context names, or to the password.
pub(super) fn after_name(state: &State) -> usize {
    let wanted = state.server().and_then(|context| context.ssh_key.as_deref());
    let keys = &state.login.keys;
    let at = keys
        .iter()
        .position(|key| Some(key.fingerprint.as_str()) == wanted);
    at.map_or(1, |at| at + 2)
}

/// How many fields the form has.
pub(super) fn fields(login: &Login) -> usize {
    match login.step {
        LoginStep::Connecting => 0,
        LoginStep::Password => 2 + login.keys.len(),
        LoginStep::SecondFactor => 1,
        LoginStep::Setup => 4,
    }
}

/// The field of the form with the cursor.
pub(super) fn field(login: &mut Login) -> Option<&mut TextField> {
    match (login.step, login.focus) {
        (LoginStep::Password, 0) | (LoginStep::Setup, 1) => Some(&mut login.username),
        (LoginStep::Password, 1) | (LoginStep::Setup, 2) => Some(&mut login.password),
        (LoginStep::Setup, 0) => Some(&mut login.code),
        (LoginStep::Setup, 3) => Some(&mut login.repeat),
        (LoginStep::SecondFactor, _) => Some(&mut login.second),
        _ => None,
    }
}

/// Sends the form, or says what is missing.
pub(super) fn submit(state: &mut State) -> Vec<Effect> {
    let login = &mut state.login;
    if login.busy {
        return Vec::new();
    }
    let username = login.username.text().trim().to_owned();
    let problem = match login.step {
        LoginStep::Connecting => return session::connect(state),
        LoginStep::Password if username.is_empty() => Some((0, "type your name")),
        LoginStep::Setup => setup_problem(login, &username),
        LoginStep::SecondFactor if login.second.text().trim().is_empty() => Some((0, "type the code")),
        LoginStep::Password | LoginStep::SecondFactor => None,
    };
    if let Some((focus, text)) = problem {
        login.focus = focus;
        login.error = Some(text.to_owned());
        return Vec::new();
    }
    login.busy = true;
    login.error = None;
    let password = login.password.text().to_owned();
    let key = login.focus.checked_sub(2).and_then(|at| login.keys.get(at));
    let question = if login.step == LoginStep::SecondFactor {
        Call::SecondFactor(zeroize::Zeroizing::new(login.second.text().trim().to_owned()))
    } else if let (LoginStep::Password, Some(key)) = (login.step, key) {
        Call::LoginSsh {
            username,
            fingerprint: key.fingerprint.clone(),
        }
    } else if login.step == LoginStep::Setup {
        let setup_code = login.code.text().trim().to_owned();
        Call::Setup(SetupRequest {
            setup_code,
            username,
            password,
        })
    } else {
        Call::Login(LoginRequest { username, password })
    };
    vec![call(state, question)]
}

fn setup_problem(login: &Login, username: &str) -> Option<(usize, &'static str)> {
    if login.code.text().trim().is_empty() {
        Some((
            0,
            "type the setup code that the server printed at its first start",
        ))
    } else if username.is_empty() {
        Some((1, "choose a name"))
    } else if login.password.chars() < MIN_PASSWORD_CHARS {
        Some((2, "the password needs at least 12 characters"))
    } else if login.password.text() == username {
        Some((2, "the password must not be the name"))
    } else if login.password.text() != login.repeat.text() {
        Some((3, "the two passwords differ"))
    } else {
        None
    }
}

/// A login, a setup or a token was accepted or not.
pub(super) fn answered(state: &mut State, answer: Result<Session, Failure>, now: Moment) -> Vec<Effect> {
    state.mark(Dirty::Key);
    let by_token = state.login.step == LoginStep::Connecting;
    match answer {
        Ok(session) => session::enter(state, session),
        Err(Failure::Unauthorized(_)) if by_token => {
            state.login.error = Some("the local administrator token was refused: log in".to_owned());
            vec![call(state, Call::SetupState)]
        }
        Err(error @ Failure::Unreachable(_)) if by_token => {
            session::wait(state, &error, now);
            Vec::new()
        }
        Err(error) => {
            state.login.busy = false;
            state.login.error = Some(error.to_string());
            state.login.second.clear();
            if state.login.step == LoginStep::SecondFactor && is_over(&error) {
                state.login.step = LoginStep::Password;
            }
            if state.login.step == LoginStep::Password
                && state.login.focus < 2
                && matches!(error, Failure::Unauthorized(_))
            {
                state.login.password.clear();
                state.login.focus = 1;
            }
            Vec::new()
        }
    }
}

/// The half of a login was over: it begins anew.
fn is_over(error: &Failure) -> bool {
    matches!(error, Failure::Refused(problem) if problem.code == LOGIN_OVER)
}
