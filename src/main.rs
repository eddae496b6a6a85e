//! argv in, exit code out.

fn main() -> std::process::ExitCode {
    linkpatrol::cli::run()
}
