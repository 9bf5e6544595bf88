"""The inference server: pictures in over HTTP or a WebSocket, files of objects out.

`app` puts it together; `worker` owns the model in one thread; `generate` and `stream` are the two
ways in. Everything between the event loop and the worker crosses in a `Job`. Importing this package
loads neither torch nor FastAPI.
"""
