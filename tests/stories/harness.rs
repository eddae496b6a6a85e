//! What the stories share: the binary, a folder and ports of their own, a small HTTP client, real peers, namespaces.
//!
//! Everything that is started here ends with its value, also when the story panics. What cannot run says so aloud with
//! [`skip`] (`tests/run` counts these lines).

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

/// The program under test.
pub fn linkpatrol() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_linkpatrol"));
    command.stdin(Stdio::null());
    command
}

/// Root of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Says aloud why a story did not run. `tests/run` counts the line.
pub fn skip(reason: &str) {
    eprintln!("SKIPPED: {reason}");
}

/// Standard output and standard error as one text, for messages of failed assertions.
pub fn words(output: &Output) -> String {
    format!(
        "{}\n--- standard output\n{}\n--- standard error\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A TCP port of 127.0.0.1 that nobody listened on a moment ago.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on loopback");
    listener.local_addr().expect("the address of a bound socket").port()
}

/// Asks `check` every 50 ms; panics with `what` when it stays `None` for `most`.
pub fn wait_for<T>(what: &str, most: Duration, mut check: impl FnMut() -> Option<T>) -> T {
    let began = now();
    loop {
        if let Some(value) = check() {
            return value;
        }
        assert!(began.elapsed() < most, "waited {most:?} in vain for: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[expect(clippy::disallowed_methods, reason = "a story lives in real time, outside the product")]
fn now() -> Instant {
    Instant::now()
}

/// A program in the background: killed and collected when dropped.
pub struct Running {
    pub name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts `command` with both outputs in `<folder>/<name>.log`.
    pub fn start(name: &str, folder: &Path, command: &mut Command) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = fs::File::create(&log).expect("a log file in the story's folder");
        let also = file.try_clone().expect("a second handle of the log file");
        let child = command.stdin(Stdio::null()).stdout(file).stderr(also).spawn();
        Self { name: name.to_owned(), child: child.unwrap_or_else(|error| panic!("cannot start {name}: {error}")), log }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it has printed so far.
    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Sends a signal such as `libc::SIGTERM`.
    pub fn signal(&self, signal: i32) {
        // SAFETY: the child is not collected yet, so the number is still its own.
        unsafe { libc::kill(self.child.id().cast_signed(), signal) };
    }

    /// Exit code once it ended by itself; `None` while it runs. A death by signal is reported as 128 + signal.
    pub fn ended(&mut self) -> Option<i32> {
        use std::os::unix::process::ExitStatusExt;
        let status = self.child.try_wait().expect("our own child")?;
        status.code().or_else(|| status.signal().map(|signal| 128 + signal))
    }

    /// Waits for its end and returns the exit code.
    pub fn wait(&mut self, most: Duration) -> i32 {
        let name = self.name.clone();
        wait_for(&format!("the end of {name}"), most, || self.ended())
    }

    /// Waits until it answers 2xx at `path`; panics with its log when it ends first.
    pub fn wait_until_serving(&mut self, address: SocketAddr, path: &str, most: Duration) {
        let began = now();
        while !get(address, path).is_ok_and(|answer| answer.is_ok()) {
            let ended = self.ended();
            assert!(
                ended.is_none() && began.elapsed() < most,
                "{} does not serve {path} on {address} (exit code {ended:?}); it printed:\n{}",
                self.name,
                self.printed()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only when it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// As they stood, names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Answer {
    pub fn is_ok(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.body))
    }
}

pub fn get(address: SocketAddr, path: &str) -> std::io::Result<Answer> {
    request(address, "GET", path, &[], "")
}

pub fn post(address: SocketAddr, path: &str, body: &serde_json::Value) -> std::io::Result<Answer> {
    request(address, "POST", path, &[("Content-Type", "application/json")], &body.to_string())
}

/// One HTTP/1.1 exchange on a connection of its own.
pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
    let (mut bytes, mut part) = (vec![], [0; 65_536]);
    // Some servers keep a connection open though they were asked to close it.
    while !is_whole(&bytes) {
        match stream.read(&mut part)? {
            0 => break,
            read => bytes.extend(&part[..read]),
        }
    }
    parse_answer(&bytes).ok_or_else(|| std::io::Error::other("not an HTTP answer"))
}

/// Whether all that `Content-Length` promises has come; answers without it end with their connection.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    length.is_some_and(|length| bytes.len() >= end + 4 + length)
}

fn parse_answer(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    let headers: Vec<_> = lines.filter_map(header).collect();
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = if chunked { unchunked(&bytes[end + 4..])? } else { bytes[end + 4..].to_vec() };
    Some(Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = vec![];
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(end + 2..end + 2 + size)?);
        rest = rest.get(end + 4 + size..)?;
    }
}

/// Finds a real peer, such as `prometheus`; says aloud that the story is skipped when it is not installed.
pub fn peer(program: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let found = path.split(':').map(|folder| Path::new(folder).join(program)).find(|place| place.is_file());
    if found.is_none() {
        skip(&format!("{program} is not installed (tests/run installs it as root on Debian)"));
    }
    found
}

pub fn is_root() -> bool {
    // SAFETY: has no preconditions and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// A network namespace of its own name with loopback up. Deleted when dropped.
pub struct Namespace {
    pub name: String,
}

impl Namespace {
    /// `None`, said aloud, without root or `ip`.
    pub fn make() -> Option<Self> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        if !is_root() {
            skip("network namespaces need root");
            return None;
        }
        peer("ip")?;
        let name = format!("lp-test-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        if !succeeds(Command::new("ip").args(["netns", "add", &name])) {
            skip("this machine lets nobody add a network namespace");
            return None;
        }
        let namespace = Self { name };
        namespace.run(&["ip", "link", "set", "lo", "up"]);
        Some(namespace)
    }

    /// A command inside the namespace; its first word is the program.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).args(words);
        command
    }

    /// Runs a command inside the namespace and panics when it fails.
    pub fn run(&self, line: &[&str]) -> Output {
        let output = self.command(line).output().expect("ip netns exec");
        assert!(output.status.success(), "{line:?}: {}", words(&output));
        output
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        succeeds(Command::new("ip").args(["netns", "delete", &self.name]));
    }
}

fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success())
}

mod tests {
    use super::*;

    #[test]
    fn answers_are_read_with_and_without_chunks() {
        let plain = parse_answer(b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\nhello").unwrap();
        assert_eq!((plain.status, plain.body.as_str()), (204, "hello"));
        assert_eq!(plain.headers, [("x-a".to_owned(), "b".to_owned())]);
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n";
        assert_eq!(parse_answer(chunked).unwrap().body, "hello!");
    }

    #[test]
    fn a_background_program_serves_until_it_is_told_to_end() {
        let Some(python) = peer("python3") else { return };
        let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut command = Command::new(python);
        command.args(["-u", "-m", "http.server", "--bind", "127.0.0.1", &port.to_string()]).current_dir(root());
        let mut server = Running::start("server", folder.path(), &mut command);
        server.wait_until_serving(address, "/Cargo.toml", Duration::from_secs(10));
        assert!(get(address, "/Cargo.toml").unwrap().body.contains("linkpatrol"));
        assert_eq!(post(address, "/", &serde_json::json!({})).unwrap().status, 501);
        assert!(server.pid() > 0 && server.printed().contains("POST"));
        server.signal(libc::SIGKILL);
        assert_eq!(server.wait(Duration::from_secs(5)), 128 + libc::SIGKILL);
    }

    #[test]
    fn json_answers_are_values() {
        let answer = parse_answer(b"HTTP/1.1 200 OK\r\n\r\n{\"up\":1}").unwrap();
        assert_eq!(answer.json()["up"], 1);
    }

    #[test]
    fn the_program_shows_its_version() {
        let output = linkpatrol().arg("--version").output().unwrap();
        assert!(output.status.success() && output.stdout.starts_with(b"linkpatrol "), "{}", words(&output));
    }

    #[test]
    fn a_namespace_lives_as_long_as_its_value() {
        let Some(namespace) = Namespace::make() else { return };
        let listed = || String::from_utf8(Command::new("ip").args(["netns", "list"]).output().unwrap().stdout).unwrap();
        let name = namespace.name.clone();
        assert!(listed().contains(&name));
        drop(namespace);
        assert!(!listed().contains(&name));
    }
}
