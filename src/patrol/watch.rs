//! Notices that files people edit have changed, so that a reload needs no command.

use std::{
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};

use notify::{RecursiveMode, Watcher};

/// Editors write, rename and touch in a burst: one reload for all of it.
const QUIET: Duration = Duration::from_millis(500);

/// Calls `changed` once after each burst of changes of `files` or of anything below `folders`, on a thread of its own,
/// until the returned watcher is dropped. A file is watched by its folder: editors replace files by renaming.
///
/// # Errors
/// The kernel refuses the watch, such as when `fs.inotify.max_user_watches` is used up.
pub fn watch(
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
    changed: impl Fn() + Send + 'static,
) -> notify::Result<notify::RecommendedWatcher> {
    let (sender, events) = mpsc::sync_channel::<()>(1);
    let parents: Vec<_> = files.iter().filter_map(|file| file.parent()).map(Path::to_owned).collect();
    let below = folders.clone();
    let ours = move |path: &PathBuf| files.contains(path) || below.iter().any(|folder| path.starts_with(folder));
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access() && event.paths.iter().any(&ours)) {
            // A full channel already says that something changed.
            let _ = sender.try_send(());
        }
    })?;
    for folder in folders {
        watcher.watch(&folder, RecursiveMode::Recursive)?;
    }
    for parent in parents {
        watcher.watch(&parent, RecursiveMode::NonRecursive)?;
    }
    std::thread::Builder::new().name("watch".into()).spawn(move || {
        while events.recv().is_ok() {
            while events.recv_timeout(QUIET).is_ok() {}
            changed();
        }
    })?;
    Ok(watcher)
}
