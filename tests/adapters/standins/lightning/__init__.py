"""Lightning comes as a package of packages."""
