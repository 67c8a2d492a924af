"""Grand Challenge, independent of any run: connects to it and knows what it holds and answers.

For other packages:

- `model`: `Socket`, `Target`, `ItemSeen`, `SocketSeen`, `Entry`, `Pk`, what the platform holds
- `targets`: `type_of`, what is special about a kind of target
- `sockets`: `misfit`, `value_misfit`, `takes_json` and `is_json_file`: what fits which socket
- `socket_list`: `all_sockets`
- `account`: `own_account`, whose token it is
- `items`: `holds`, `took_effect` and `is_pk`
- `answers`: `Question` and `AnswerSeen`, what readers were asked and answered
- `address`: `Platform`, `Patience` and `parse_platform`
- `credentials`: finds, stores and removes the token
- `retries`: `server_time`
- `transport`: `environment_proxies` and `trusting_context`, how connections are made
- `client`: `Client`, which sends requests with retries; import it late, it takes 0.1 s of CPU
- `connections`, `storage`: send parts without the token, for workers
- `endpoints`: items, titles and upload rows, over a client
- `sessions`: upload sessions: `TicketSeen`, `FailedImport`, and the requests for them
- `stored_files`: `FileSeen` and `read_file`, what a file on the platform holds
- `file_download`: `download_file`, which brings one to the disk
- `images`: `ImageSeen`, `images_of` and `missing_images`
- `jobs`: `jobs_of`, algorithm jobs with the values of their outputs
- `image_files`: `image_files`, where the files of images are
- `requests`: `Call`, a request as data, and its placeholders
- `responses`: `Response`, `results_of`, `ResponseLost` and `Interrupted`
- `refusals`: the platform's messages in an error answer
- `traffic`: `Meter` and `Traffic`, counts of requests and bytes
"""
