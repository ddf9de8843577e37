//! Being a service: started and stopped by the service control manager, which is told how it stands.
//!
//! One service a process. What it does runs on the manager's own thread for it; the wish to stop comes on another.

use std::ffi::OsString;
use std::io;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use windows_service::service::{
    Service, ServiceAccess, ServiceAction, ServiceActionType, ServiceControl, ServiceControlAccept,
    ServiceExitCode, ServiceFailureActions, ServiceFailureResetPeriod, ServiceState, ServiceStatus,
    ServiceType,
};
use windows_service::service_control_handler::{self, ServiceControlHandlerResult, ServiceStatusHandle};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};

/// The system's number for: this process was not started by the service control manager.
const NO_SERVICE: i32 = 1063;
/// How long starting and stopping may take before the manager thinks that it hangs.
const PATIENCE: Duration = Duration::from_secs(30);
/// After how long one that failed is started again: the first time, the second, and later.
const RESTARTS: [Duration; 3] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(300),
];
/// After so long without a failure, the next one counts as the first.
const FORGIVEN_AFTER: Duration = Duration::from_secs(24 * 3600);

/// What the service does; its exit code.
type Work = Box<dyn FnOnce() -> u32 + Send>;
/// What is done when it is asked to stop.
type Stop = Box<dyn Fn() + Send>;

struct Prepared {
    name: &'static str,
    work: Work,
    stop: Stop,
}

static PREPARED: Mutex<Option<Prepared>> = Mutex::new(None);
static STATUS: OnceLock<ServiceStatusHandle> = OnceLock::new();

/// Runs `work` as the service of that name, where this process was started as one: its exit code. `stop` is called when it is to
/// end. None where it was started otherwise: nothing was done then.
///
/// # Errors
/// As the operating system says.
pub fn run(
    name: &'static str,
    work: impl FnOnce() -> u32 + Send + 'static,
    stop: impl Fn() + Send + 'static,
) -> io::Result<Option<u32>> {
    let (sender, code) = std::sync::mpsc::channel();
    let work = Box::new(move || {
        let code = work();
        // It is listened for until the dispatcher returns, which it does after this.
        let _ = sender.send(code);
        code
    });
    *prepared() = Some(Prepared {
        name,
        work,
        stop: Box::new(stop),
    });
    match entry::dispatch(name) {
        Ok(()) => Ok(code.try_recv().ok().or(Some(1))),
        Err(windows_service::Error::Winapi(error)) if error.raw_os_error() == Some(NO_SERVICE) => {
            prepared().take();
            Ok(None)
        }
        Err(error) => Err(io::Error::other(error)),
    }
}

/// Whether this process runs as a service.
pub fn is_one() -> bool {
    STATUS.get().is_some()
}

/// Says to the manager that it works.
///
/// # Errors
/// As the operating system says.
pub fn running() -> io::Result<()> {
    tell(ServiceState::Running)
}

/// Says to the manager that it is about to end.
///
/// # Errors
/// As the operating system says.
pub fn stopping() -> io::Result<()> {
    tell(ServiceState::StopPending)
}

/// Has the manager start it again when it fails, by exiting with another code than zero or in any other way.
///
/// # Errors
/// As the operating system says.
pub fn restart_after_failures(name: &str) -> io::Result<()> {
    let service = open(name, ServiceAccess::CHANGE_CONFIG | ServiceAccess::START)?;
    let restart = |delay| ServiceAction {
        action_type: ServiceActionType::Restart,
        delay,
    };
    service
        .update_failure_actions(ServiceFailureActions {
            reset_period: ServiceFailureResetPeriod::After(FORGIVEN_AFTER),
            reboot_msg: None,
            command: None,
            actions: Some(RESTARTS.map(restart).to_vec()),
        })
        .and_then(|()| service.set_failure_actions_on_non_crash_failures(true))
        .map_err(io::Error::other)
}

fn open(name: &str, access: ServiceAccess) -> io::Result<Service> {
    ServiceManager::local_computer(None::<&str>, ServiceManagerAccess::CONNECT)
        .and_then(|manager| manager.open_service(name, access))
        .map_err(io::Error::other)
}

fn prepared() -> std::sync::MutexGuard<'static, Option<Prepared>> {
    PREPARED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tell(state: ServiceState) -> io::Result<()> {
    tell_with(state, 0)
}

fn tell_with(state: ServiceState, code: u32) -> io::Result<()> {
    let Some(handle) = STATUS.get() else {
        return Ok(());
    };
    let pending = matches!(state, ServiceState::StartPending | ServiceState::StopPending);
    let stoppable = ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN;
    handle
        .set_service_status(ServiceStatus {
            service_type: ServiceType::OWN_PROCESS,
            current_state: state,
            controls_accepted: if state == ServiceState::Running {
                stoppable
            } else {
                ServiceControlAccept::empty()
            },
            exit_code: match code {
                0 => ServiceExitCode::NO_ERROR,
                code => ServiceExitCode::ServiceSpecific(code),
            },
            checkpoint: u32::from(pending),
            wait_hint: if pending { PATIENCE } else { Duration::ZERO },
            process_id: None,
        })
        .map_err(io::Error::other)
}

fn work(_arguments: Vec<OsString>) {
    let Some(Prepared { name, work, stop }) = prepared().take() else {
        return;
    };
    let handler = move |control| match control {
        ServiceControl::Stop | ServiceControl::Shutdown => {
            stop();
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    };
    // Without it nobody can be told anything: the manager finds that the process ended.
    let Ok(handle) = service_control_handler::register(name, handler) else {
        return;
    };
    let _ = STATUS.set(handle);
    let _ = tell(ServiceState::StartPending);
    let code = work();
    let _ = tell_with(ServiceState::Stopped, code);
}

/// Where the manager enters: the macro writes a function that the system calls, and reads the arguments that it passes.
mod entry {
    use super::work;

    windows_service::define_windows_service!(service_main, work);

    /// Gives this thread to the manager, until the service ended.
    pub(super) fn dispatch(name: &str) -> windows_service::Result<()> {
        windows_service::service_dispatcher::start(name, service_main)
    }
}
