# Development shells: `nix develop` for everything, `nix develop .#cuda` for NVIDIA cards.
#
# Checked with Nix 2.8 where nixpkgs could not be fetched: it parses, and both shells of all systems
# evaluate against stand-ins for nixpkgs and rust-overlay that hold just the names used here. Nobody
# has built the shells yet, and there is no lock file. If one fails for you, please tell us.
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
      linux = [ "x86_64-linux" "aarch64-linux" ];
      systems = linux ++ [ "x86_64-darwin" "aarch64-darwin" ];
      shellFor =
        system: extraLibraryPath:
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
          # Wheels from PyPI (torch, numpy, ruff) expect these in the usual places.
          wheelLibraries = [ pkgs.stdenv.cc.cc.lib pkgs.zlib ];
          isLinux = pkgs.stdenv.hostPlatform.isLinux;
        in
        pkgs.mkShell {
          packages = with pkgs; [
            # cargo sandbox, cargo trellis, ./check
            (rust-bin.stable."1.95.0".default.override { extensions = [ "rust-analyzer" "rust-src" ]; })
            # the short names
            just
            # python/set_up.py, which makes .venv with everything else
            python3
            # docs/server.md and the guide ask the server with it
            curl
          ];
          LD_LIBRARY_PATH = pkgs.lib.optionalString isLinux (
            pkgs.lib.concatStringsSep ":" (
              extraLibraryPath ++ [ (pkgs.lib.makeLibraryPath (windowLibraries ++ wheelLibraries)) ]
            )
          );
        };
      shellsFor =
        system:
        { default = shellFor system [ ]; }
        # No cudatoolkit, nvcc or CUDA_HOME: nothing is compiled, and torch's wheels bring CUDA's
        # libraries along. Only the driver's own libcuda.so is the system's, and NixOS keeps it here.
        // nixpkgs.lib.optionalAttrs (builtins.elem system linux) {
          cuda = shellFor system [ "/run/opengl-driver/lib" ];
        };
    in
    {
      devShells = nixpkgs.lib.genAttrs systems shellsFor;
    };
}
