@echo off
rem Double-click: installs v2m-bridge with a Python of its own, then sets Resolve, REAPER and the daemon up.
rem To take it out again: v2m-bridge setup --remove, then uv tool uninstall v2m-bridge
setlocal
cd /d "%~dp0"
if /i "%PROCESSOR_ARCHITECTURE%"=="ARM64" (
  echo Windows on ARM: an x86-64 Python is used, which Windows runs. It is slower.
  set "PYTHON_WANTED=cpython-3.12-windows-x86_64"
) else (
  set "PYTHON_WANTED=3.12"
)
where uv >nul 2>nul
if errorlevel 1 (
  echo Fetching uv, which brings its own Python ...
  powershell -NoProfile -ExecutionPolicy Bypass -Command "irm https://astral.sh/uv/install.ps1 | iex"
  if errorlevel 1 goto failed
)
set "PATH=%USERPROFILE%\.local\bin;%PATH%"
echo Installing v2m-bridge, about 1 GB is fetched ...
uv tool install --force --managed-python --python %PYTHON_WANTED% --constraints constraints.txt ".[midi]"
if errorlevel 1 goto failed
uv tool update-shell >nul 2>nul
v2m-bridge setup
if errorlevel 1 goto failed
echo.
echo Done. You can close this window.
pause
exit /b 0

:failed
echo.
echo This did not work: see the lines above. docs\installation.md says what to do by hand.
pause
exit /b 1
