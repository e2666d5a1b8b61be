"""`genprm` on the embedded engine with the random numbers of servers.

Workers import the file of the program that started them, under the name that is asked for below.
"""

from genprm.cli import main
from tests.genprm.engines.told_numbers import draw_like_a_client

if __name__ in ("__main__", "__mp_main__"):
    draw_like_a_client()
if __name__ == "__main__":
    main()
