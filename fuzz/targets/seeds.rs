//! Writes the seeds of each target as files, one folder a target: `seeds <folder>`.

fn main() -> std::io::Result<()> {
    let folder = std::env::args_os().nth(1).expect("seeds <folder>");
    for target in fuzz_targets::ALL {
        let folder = std::path::Path::new(&folder).join(target.name);
        std::fs::create_dir_all(&folder)?;
        for (number, seed) in (target.seeds)().into_iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number:02}")), seed)?;
        }
    }
    Ok(())
}
