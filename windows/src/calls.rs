//! The calls of the system's C functions, and nothing else: each takes and gives what safe code can hold.
//!
//! Rules: no pointer leaves a function; what the system allocated is freed where it was got; a handle becomes an owned one at
//! once, or is closed by its owner. Texts go in as UTF-16 that ends with zero, made by [`wide`].

#![expect(
    unsafe_code,
    reason = "the system's functions can be called in no other way; everything else of the program forbids it"
)]

use std::fs::File;
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::path::Path;
use std::ptr::{null, null_mut};
use windows_sys::Win32::Foundation::{
    ERROR_SUCCESS, GENERIC_WRITE, INVALID_HANDLE_VALUE, LocalFree, WAIT_OBJECT_0,
};
use windows_sys::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW, ConvertSidToStringSidW,
    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetNamedSecurityInfoW, SDDL_REVISION_1,
    SE_FILE_OBJECT,
};
use windows_sys::Win32::Security::{
    DACL_SECURITY_INFORMATION, GetTokenInformation, OWNER_SECURITY_INFORMATION,
    PROTECTED_DACL_SECURITY_INFORMATION, PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES, SetFileSecurityW,
    TOKEN_ELEVATION, TOKEN_QUERY, TOKEN_USER, TokenElevation, TokenUser,
};
use windows_sys::Win32::Storage::FileSystem::{
    CREATE_NEW, CreateDirectoryW, CreateFileW, FILE_ATTRIBUTE_NORMAL, FILE_SHARE_DELETE, FILE_SHARE_READ,
    FILE_SHARE_WRITE, GetDiskFreeSpaceExW, GetDriveTypeW, GetLogicalDrives,
};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, TH32CS_SNAPTHREAD, THREADENTRY32, Thread32First, Thread32Next,
};
use windows_sys::Win32::System::JobObjects::{
    AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation, SetInformationJobObject,
    TerminateJobObject,
};
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, INFINITE, OpenProcessToken, OpenThread, ResumeThread, THREAD_SUSPEND_RESUME,
    WaitForSingleObject,
};

/// Most bytes of a token's answer: a user's SID has 68 at most, and a pointer and flags beside it.
const TOKEN_BYTES: usize = 256;

/// UTF-16 with a zero at its end; a zero within is refused, because the system would read up to it only.
fn wide(text: impl Iterator<Item = u16>) -> io::Result<Vec<u16>> {
    let mut wide: Vec<u16> = text.collect();
    if wide.contains(&0) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a zero byte within a name",
        ));
    }
    wide.push(0);
    Ok(wide)
}

fn wide_path(path: &Path) -> io::Result<Vec<u16>> {
    wide(path.as_os_str().encode_wide())
}

/// Zero means failure.
fn succeeded(result: i32) -> io::Result<()> {
    if result == 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Memory that the system allocated by `LocalAlloc`.
struct Allocated(*mut core::ffi::c_void);

impl Drop for Allocated {
    fn drop(&mut self) {
        // SAFETY: the pointer came from a function that says that it is to be freed so, and nobody else has it.
        unsafe { LocalFree(self.0) };
    }
}

/// Text that the system allocated, which ends with zero.
///
/// # Safety
/// `text` must point to such text, allocated by `LocalAlloc`, which nobody else frees.
unsafe fn taken_text(text: *mut u16) -> String {
    let owned = Allocated(text.cast());
    let mut length = 0;
    // SAFETY: the text ends with zero, by the caller's word, and is read up to that only.
    while unsafe { *text.wrapping_add(length) } != 0 {
        length += 1;
    }
    // SAFETY: as above; it lives as long as `owned`.
    let units = unsafe { std::slice::from_raw_parts(text, length) };
    let taken = String::from_utf16_lossy(units);
    drop(owned);
    taken
}

fn parsed(sddl: &str) -> io::Result<Allocated> {
    let text = wide(sddl.encode_utf16())?;
    let mut descriptor: PSECURITY_DESCRIPTOR = null_mut();
    // SAFETY: `text` ends with zero; `descriptor` takes a pointer that is freed by `Allocated`; the size is not asked for.
    succeeded(unsafe {
        ConvertStringSecurityDescriptorToSecurityDescriptorW(
            text.as_ptr(),
            SDDL_REVISION_1,
            &raw mut descriptor,
            null_mut(),
        )
    })?;
    Ok(Allocated(descriptor))
}

fn attributes(descriptor: &Allocated) -> SECURITY_ATTRIBUTES {
    SECURITY_ATTRIBUTES {
        nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or_default(),
        lpSecurityDescriptor: descriptor.0,
        bInheritHandle: 0,
    }
}

/// Owner and access list of a file or folder, as text.
pub(crate) fn descriptor(path: &Path) -> io::Result<String> {
    const WHAT: u32 = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;
    let name = wide_path(path)?;
    let mut found: PSECURITY_DESCRIPTOR = null_mut();
    // SAFETY: `name` ends with zero; `found` takes a pointer that is freed by `Allocated`; the parts are not asked for.
    let result = unsafe {
        GetNamedSecurityInfoW(
            name.as_ptr(),
            SE_FILE_OBJECT,
            WHAT,
            null_mut(),
            null_mut(),
            null_mut(),
            null_mut(),
            &raw mut found,
        )
    };
    if result != ERROR_SUCCESS {
        return Err(io::Error::from_raw_os_error(result.cast_signed()));
    }
    let found = Allocated(found);
    let mut text: *mut u16 = null_mut();
    // SAFETY: `found` is a descriptor of the system's own making; `text` takes a pointer that is freed by `taken_text`.
    succeeded(unsafe {
        ConvertSecurityDescriptorToStringSecurityDescriptorW(
            found.0,
            SDDL_REVISION_1,
            WHAT,
            &raw mut text,
            null_mut(),
        )
    })?;
    // SAFETY: the call above succeeded, so it is text that ends with zero, to be freed by us.
    Ok(unsafe { taken_text(text) })
}

/// Gives a file or folder this access list, and no inherited one.
pub(crate) fn set_access(path: &Path, sddl: &str) -> io::Result<()> {
    let (name, descriptor) = (wide_path(path)?, parsed(sddl)?);
    let what = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
    // SAFETY: `name` ends with zero; the descriptor lives until after the call.
    succeeded(unsafe { SetFileSecurityW(name.as_ptr(), what, descriptor.0) })
}

/// Makes a new file with this access list, to be written; fails where there is one.
pub(crate) fn create_file(path: &Path, sddl: &str) -> io::Result<File> {
    let (name, descriptor) = (wide_path(path)?, parsed(sddl)?);
    let attributes = attributes(&descriptor);
    // SAFETY: `name` ends with zero; the attributes and their descriptor live until after the call.
    let handle = unsafe {
        CreateFileW(
            name.as_ptr(),
            GENERIC_WRITE,
            FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
            &raw const attributes,
            CREATE_NEW,
            FILE_ATTRIBUTE_NORMAL,
            null_mut(),
        )
    };
    if handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the handle is open, of a file, and nobody else has it.
    Ok(unsafe { File::from_raw_handle(handle) })
}

/// Makes a new folder with this access list.
pub(crate) fn create_folder(path: &Path, sddl: &str) -> io::Result<()> {
    let (name, descriptor) = (wide_path(path)?, parsed(sddl)?);
    let attributes = attributes(&descriptor);
    // SAFETY: `name` ends with zero; the attributes and their descriptor live until after the call.
    succeeded(unsafe { CreateDirectoryW(name.as_ptr(), &raw const attributes) })
}

/// An open handle, unless it is one of the two values that stand for none.
fn owned(handle: *mut core::ffi::c_void) -> io::Result<OwnedHandle> {
    if handle.is_null() || handle == INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the handle is open, and the caller has it from a function that gives it to nobody else.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

fn own_token() -> io::Result<OwnedHandle> {
    let mut token = null_mut();
    // SAFETY: it takes nothing.
    let this = unsafe { GetCurrentProcess() };
    // SAFETY: the process's own handle is always valid; `token` takes a handle that is closed by its owner.
    succeeded(unsafe { OpenProcessToken(this, TOKEN_QUERY, &raw mut token) })?;
    owned(token)
}

/// The SID of the user that this process runs as, `S-1-…`.
pub(crate) fn own_sid() -> io::Result<String> {
    let token = own_token()?;
    // Aligned for the pointer at its beginning.
    let mut answer = [0_u64; TOKEN_BYTES / 8];
    let mut length = 0;
    // SAFETY: the buffer is as long as it is said to be; the length goes into a local.
    succeeded(unsafe {
        GetTokenInformation(
            token.as_raw_handle(),
            TokenUser,
            answer.as_mut_ptr().cast(),
            TOKEN_BYTES as u32,
            &raw mut length,
        )
    })?;
    // SAFETY: the call above succeeded, so the buffer begins with this structure, for which it is aligned and long enough.
    let user = unsafe { answer.as_ptr().cast::<TOKEN_USER>().read() };
    let mut text: *mut u16 = null_mut();
    // SAFETY: the SID lies in `answer`, which is still alive; `text` takes a pointer that is freed by `taken_text`.
    succeeded(unsafe { ConvertSidToStringSidW(user.User.Sid, &raw mut text) })?;
    // SAFETY: the call above succeeded, so it is text that ends with zero, to be freed by us.
    Ok(unsafe { taken_text(text) })
}

/// Whether this process has an administrator's rights, not only the name.
pub(crate) fn is_elevated() -> io::Result<bool> {
    let token = own_token()?;
    let mut answer = TOKEN_ELEVATION::default();
    let mut length = 0;
    // SAFETY: the buffer is this structure, as long as it is said to be; the length goes into a local.
    succeeded(unsafe {
        GetTokenInformation(
            token.as_raw_handle(),
            TokenElevation,
            (&raw mut answer).cast(),
            size_of::<TOKEN_ELEVATION>() as u32,
            &raw mut length,
        )
    })?;
    Ok(answer.TokenIsElevated != 0)
}

/// Bytes that this process may still use on the volume of a folder, and all of the volume's with those that are free.
pub(crate) fn space(folder: &Path) -> io::Result<(u64, u64, u64)> {
    let name = wide_path(folder)?;
    let (mut usable, mut total, mut free) = (0, 0, 0);
    // SAFETY: `name` ends with zero; the numbers go into locals.
    succeeded(unsafe { GetDiskFreeSpaceExW(name.as_ptr(), &raw mut usable, &raw mut total, &raw mut free) })?;
    Ok((usable, total, free))
}

/// Bit by bit which drive letters there are, from A.
pub(crate) fn drives() -> u32 {
    // SAFETY: it takes nothing.
    unsafe { GetLogicalDrives() }
}

/// What kind of drive has this root, for example `C:\`, by the system's numbers.
pub(crate) fn drive_type(root: &Path) -> io::Result<u32> {
    let name = wide_path(root)?;
    // SAFETY: `name` ends with zero.
    Ok(unsafe { GetDriveTypeW(name.as_ptr()) })
}

/// A job whose processes end when its last handle is closed.
pub(crate) fn create_job() -> io::Result<OwnedHandle> {
    // SAFETY: without attributes and without a name, it takes nothing.
    let job = owned(unsafe { CreateJobObjectW(null(), null()) })?;
    let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    // SAFETY: the job is open; the structure is the one of this class, as long as it is said to be.
    succeeded(unsafe {
        SetInformationJobObject(
            job.as_raw_handle(),
            JobObjectExtendedLimitInformation,
            (&raw const limits).cast(),
            size_of::<JOBOBJECT_EXTENDED_LIMIT_INFORMATION>() as u32,
        )
    })?;
    Ok(job)
}

/// Puts a process, and whatever it starts from now on, into a job.
pub(crate) fn assign(job: BorrowedHandle<'_>, process: BorrowedHandle<'_>) -> io::Result<()> {
    // SAFETY: both handles are open while they are borrowed.
    succeeded(unsafe { AssignProcessToJobObject(job.as_raw_handle(), process.as_raw_handle()) })
}

/// Ends every process of a job at once.
pub(crate) fn terminate(job: BorrowedHandle<'_>, code: u32) -> io::Result<()> {
    // SAFETY: the handle is open while it is borrowed.
    succeeded(unsafe { TerminateJobObject(job.as_raw_handle(), code) })
}

/// Lets the threads of a process run that was started suspended.
pub(crate) fn resume(process: u32) -> io::Result<()> {
    // SAFETY: it takes two numbers.
    let threads = owned(unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0) })?;
    let mut entry = THREADENTRY32 {
        dwSize: size_of::<THREADENTRY32>() as u32,
        ..THREADENTRY32::default()
    };
    let mut resumed = false;
    // SAFETY: the snapshot is open; the entry says its own size.
    let mut found = unsafe { Thread32First(threads.as_raw_handle(), &raw mut entry) };
    while found != 0 {
        if entry.th32OwnerProcessID == process {
            // SAFETY: it takes numbers.
            let thread = owned(unsafe { OpenThread(THREAD_SUSPEND_RESUME, 0, entry.th32ThreadID) })?;
            // SAFETY: the thread's handle is open.
            if unsafe { ResumeThread(thread.as_raw_handle()) } == u32::MAX {
                return Err(io::Error::last_os_error());
            }
            resumed = true;
        }
        // SAFETY: as for the first.
        found = unsafe { Thread32Next(threads.as_raw_handle(), &raw mut entry) };
    }
    if resumed {
        Ok(())
    } else {
        Err(io::Error::other("the new process has no thread"))
    }
}

/// Waits until a process ended.
pub(crate) fn wait(process: BorrowedHandle<'_>) -> io::Result<()> {
    // SAFETY: the handle is open while it is borrowed.
    match unsafe { WaitForSingleObject(process.as_raw_handle(), INFINITE) } {
        WAIT_OBJECT_0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
