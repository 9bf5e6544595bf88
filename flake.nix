# A development shell: `nix develop`, then ./check. Nobody has run it yet: CI has no Nix, and there is no lock file.
# If it fails for you, please tell us.
{
  description = "crossworld-trellis: a picture becomes voxels in a Bevy world";

  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
    rust-overlay = {
      url = "github:oxalica/rust-overlay";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    { nixpkgs, rust-overlay, ... }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" "x86_64-darwin" "aarch64-darwin" ];
      shellFor =
        system:
        let
          pkgs = import nixpkgs {
            inherit system;
            overlays = [ rust-overlay.overlays.default ];
          };
          # Opened at run time and not linked, so the loader has to find them.
          windowLibraries = with pkgs; [
            libxkbcommon
            vulkan-loader
            xorg.libX11
            xorg.libXcursor
            xorg.libXi
            xorg.libXrandr
            xorg.libxcb
          ];
          # Wheels from PyPI (numpy, ruff) expect a C++ runtime in the usual place.
          wheelLibraries = [ pkgs.stdenv.cc.cc.lib ];
          isLinux = pkgs.stdenv.hostPlatform.isLinux;
        in
        pkgs.mkShell {
          packages = with pkgs; [
            (rust-bin.stable."1.95.0".default.override { extensions = [ "rust-analyzer" "rust-src" ]; })
            just
            python3
          ];
          LD_LIBRARY_PATH = pkgs.lib.optionalString isLinux (
            pkgs.lib.makeLibraryPath (windowLibraries ++ wheelLibraries)
          );
        };
    in
    {
      devShells = nixpkgs.lib.genAttrs systems (system: { default = shellFor system; });
    };
}
