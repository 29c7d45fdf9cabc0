"""One command a file: README.rst of ctl/ tells how to add one."""
