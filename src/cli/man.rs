//! `linkpatrol man`: what a package of an operating system ships beside the program.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::CommandFactory;
use clap_complete::Shell;

use super::Cli;

/// Writes a man page for every command, and the completion scripts of bash, zsh and fish, into a folder.
#[derive(Debug, clap::Args)]
pub struct Man {
    /// Made when it is not there; files of the same name are replaced.
    folder: PathBuf,
}

impl Man {
    pub fn run(self) -> ExitCode {
        match write(&self.folder) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                anstream::eprintln!("{}: {error}", self.folder.display());
                ExitCode::from(2)
            }
        }
    }
}

fn write(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut Cli::command(), "linkpatrol", folder)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page_and_every_shell_a_script() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let read =
            |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(read("linkpatrol.1").contains(".SH SUBCOMMANDS"));
        for command in Cli::command().get_subcommands().filter(|command| !command.is_hide_set()) {
            let name = command.get_name();
            let page = read(&format!("linkpatrol-{name}.1"));
            assert!(page.contains(".SH DESCRIPTION") && page.contains(".SH OPTIONS"), "{name}");
            for script in ["linkpatrol.bash", "_linkpatrol", "linkpatrol.fish"] {
                assert!(read(script).contains(name), "{script} knows {name}");
            }
        }
    }
}
