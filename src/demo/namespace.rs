//! A network namespace that belongs to one thread: jobs go in by a channel and run there; descriptors come out.
//!
//! Everything else of the process stays in the host's namespace. The thread ends, and the namespace with it, when the
//! last [`Namespace`] is dropped and the descriptors opened in it are closed.

use std::{
    fs,
    io::{self, Error},
    os::fd::OwnedFd,
    path::PathBuf,
    sync::mpsc::{self, Receiver, SyncSender},
};

use super::tun;
use crate::probe::icmp::{OpenedSocket, Opener, SocketClass};

type Job = Box<dyn FnOnce() + Send>;

#[derive(Clone)]
pub struct Namespace {
    jobs: SyncSender<Job>,
    /// For `nsenter --net=…`.
    path: PathBuf,
}

/// Why there can be no namespace: what was tried, and what the kernel said.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step}: {source}")]
pub struct NoRight {
    pub step: &'static str,
    pub source: Error,
}

impl NoRight {
    fn at(step: &'static str) -> impl FnOnce(Error) -> Self {
        move |source| Self { step, source }
    }
}

/// Makes a user without rights the owner of what follows: an own user namespace with an identity map.
///
/// Must be called before any thread is started: the kernel refuses it afterwards. Root needs none.
pub fn own_user_namespace() -> Result<(), NoRight> {
    // SAFETY: these calls cannot fail and touch no memory.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    if user == 0 {
        return Ok(());
    }
    unshare(libc::CLONE_NEWUSER).map_err(NoRight::at("unshare the user namespace"))?;
    let write = |file: &str, text: String| fs::write(format!("/proc/self/{file}"), text);
    write("setgroups", "deny".into())
        .and_then(|()| write("uid_map", format!("{user} {user} 1")))
        .and_then(|()| write("gid_map", format!("{group} {group} 1")))
        .map_err(NoRight::at("map our user into the user namespace"))
}

impl Namespace {
    /// A namespace with loopback and the city's TUN device, which is returned.
    pub fn create() -> Result<(Self, OwnedFd), NoRight> {
        let (jobs, queue) = mpsc::sync_channel::<Job>(16);
        let (ready, made) = mpsc::sync_channel(1);
        let thread = std::thread::Builder::new().name("namespace".into());
        let started = thread.spawn(move || {
            let made = enter();
            let lives = made.is_ok();
            if ready.send(made).is_ok() && lives {
                serve(queue);
            }
        });
        started.map_err(NoRight::at("start a thread"))?;
        let gone = |_| NoRight { step: "start a thread", source: io::ErrorKind::BrokenPipe.into() };
        let (device, path) = made.recv().map_err(gone)??;
        Ok((Self { jobs, path }, device))
    }

    /// Runs `job` on the namespace's thread and waits for it.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let gone = || Error::new(io::ErrorKind::BrokenPipe, "the namespace's thread has ended");
        let (done, answer) = mpsc::sync_channel(1);
        let job = Box::new(move || {
            // Nobody waits any more: then nobody wants the answer either.
            let _ = done.send(job());
        });
        self.jobs.send(job).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())
    }

    pub fn path(&self) -> &std::path::Path {
        &self.path
    }
}

/// The engine's sockets live here, the engine outside.
impl Opener for Namespace {
    fn open(&mut self, class: &SocketClass) -> io::Result<OpenedSocket> {
        let class = class.clone();
        self.run(move || OpenedSocket::create(&class))?
    }
}

fn enter() -> Result<(OwnedFd, PathBuf), NoRight> {
    unshare(libc::CLONE_NEWNET).map_err(NoRight::at("unshare the network namespace"))?;
    let device = tun::create().map_err(NoRight::at("make a TUN device"))?;
    // SAFETY: gettid cannot fail and touches no memory.
    let (process, thread) = (std::process::id(), unsafe { libc::gettid() });
    Ok((device, format!("/proc/{process}/task/{thread}/ns/net").into()))
}

fn serve(queue: Receiver<Job>) {
    queue.into_iter().for_each(|job| job());
}

fn unshare(what: i32) -> io::Result<()> {
    // SAFETY: plain call without memory.
    if unsafe { libc::unshare(what) } < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}
