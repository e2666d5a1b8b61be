r"""Final answers by kind: what a text states, and which answers mean the same; one table for each kind.

A row is (reference, given, equal, why). The right value is what the mathematics says, not what any program says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from genprm.answers.checker import AnswerChecker, quick_decision
from genprm.answers.reading import boxed_answer, extract_answer


@pytest.fixture(scope="module")
def answers() -> Iterator[AnswerChecker]:
    with AnswerChecker() as checker:
        yield checker


Row = tuple[str, str, bool, str]

ROUNDED: list[Row] = [
    ("1/3", "0.3333", True, "four digits of a fraction"),
    ("1/3", "0.33", False, "two digits say too little"),
    (r"\sqrt{5}", "2.2361", True, "an irrational value as a rational one"),
    (r"\sqrt{5}", "2.236", True, "four digits"),
    (r"\sqrt{5}", "2.2362", False, "not its rounding"),
    (r"\pi", "3.14159", True, "six digits"),
    (r"\pi", "3.1416", True, "rounded up in the last digit"),
    (r"\pi", "3.1415", False, "cut off, not rounded"),
    (r"\pi", "3.14", False, "three digits"),
    ("3.1416", "3.14159", False, "two decimals are what they are"),
    (r"\frac{3\sqrt{3}}{2}", "2.5981", True, "2.59807..."),
    (r"e^2", "7.389", True, "7.38905..."),
]
CHOICES: list[Row] = [
    ("A", "(A) 12", True, "the letter counts"),
    ("12", "(c) 12", True, "the value counts"),
    ("B", "(A) 12", False, "another letter"),
    ("B", "Option B", True, "the letter counts"),
    ("B", "Choice C", False, "another letter"),
    ("13", "(c) 12", False, "another value"),
    ("7", r"\textbf{(C)}\ 7", True, "set in bold"),
    ("C", r"\textbf{(C)}\ 7", True, "set in bold"),
    ("C", "(c)", True, "a letter in parentheses is a choice"),
    (r"\text{(C)}", "C", True, "as words"),
    ("A", "B", False, "another letter"),
    ("(a+b)", "a+b", True, "no choice"),
]
LEFT_SIDES: list[Row] = [
    ("(4,1)", "(u,v)=(4,1)", True, "a tuple of names"),
    ("12", "E(3, 2) = 12", True, "a function of numbers"),
    ("50", r"\text{Total} = \$50", True, "words"),
    ("8/17", r"\sin G = 8/17", True, "a function of a name"),
    ("7", "T(5)=7", True, "a function of a number"),
    ("5", r"\approx 5", True, "a sign before the value"),
    ("5", "x = 5", True, "a variable"),
    ("5", "AB = 5", True, "a segment"),
    ("30", r"\angle ABC = 30^\circ", True, "an angle"),
    ("f(x)=1", "f(y)=1", True, "the name of an argument"),
    ("f(x)=2x+1", "f(t)=2t+1", True, "the name of an argument"),
    ("f(x)=2x+1", "f(t)=2x+1", False, "x is not the argument"),
    ("5", r"n\equiv 5\pmod 9", True, "a residue"),
    ("2x+3", "y=2x+3", True, "the value of y"),
    ("k = 15", "m = 15", False, "another variable"),
    ("5", "x^2=5", False, "x is not 5"),
    ("5", "2x=5", False, "x is not 5"),
    ("5", "x+1=5", False, "x is not 5"),
    ("5", "3=5", False, "not true"),
    ("5", "2+3=5", True, "true"),
    ("0.0011_2", r"\frac{3}{16} = 0.0011_2", True, "true: 1/8 + 1/16"),
    ("0.0011_2", r"\frac{3}{16} = 0.0011_3", False, "not true, and another base"),
    ("1011_2", "8+3 = 1011_2", True, "true"),
    ("1011_3", "8+3 = 1011_2", False, "another base"),
    ("0", "x-5=0", False, "x is not 0"),
    ("x^2=5", "2x^2=10", True, "the same equation"),
]
RANGES: list[Row] = [
    ("(2,5)", "2 < x < 5", True, "open"),
    (r"[3,\infty)", r"x \ge 3", True, "half a line"),
    ("2<x<3", "3>x>2", True, "turned round"),
    (r"(-\infty,3)", "x<3", True, "half a line"),
    ("[2,5)", r"2 \le x < 5", True, "half open"),
    ("(2,5)", r"2 \le x < 5", False, "the end belongs to it"),
    ("(2,5)", r"2 < x \le 6", False, "another end"),
    ("x<3", "x>3", False, "the other half"),
    (r"x \le 3", r"y \le 3", False, "another variable"),
    (r"x \in [-2,7]", "[-2,7]", True, "membership"),
    (r"\mathbb{R}", r"(-\infty,\infty)", True, "the real numbers"),
    (r"\emptyset", r"\varnothing", True, "two signs of one set"),
    (r"\emptyset", "∅", True, "Unicode"),
    ("x+y<3", "3>x+y", True, "turned round"),
    ("2x+2y<6", "x+y<3", True, "halved"),
    ("-x-y<-3", "x+y<3", False, "the sign turns the relation"),
    (r"(-\infty,1)\cup(3,\infty)", "x<1 or x>3", True, "two half lines apart"),
    (r"(-\infty,1)\cup(3,\infty)", r"x > 3 \text{ or } x < 1", True, "in the other order"),
    (r"(-\infty,1]\cup(3,\infty)", "x<1 or x>3", False, "the end belongs to it"),
    ("(0,1)", r"0<x \text{ and } x<1", True, "two half lines that overlap"),
    (r"(-\infty,0)\cup(1,\infty)", "0<x, x<1", False, "what is between, not what is around"),
    ("[0,1]", r"\{x : 0 \le x \le 1\}", True, "a set by its condition"),
    ("[0,1)", r"\{x \in \mathbb{R} \mid 0 \le x < 1\}", True, "a set by its condition"),
    ("[0,1]", r"\{x : 0 < x < 1\}", False, "without its ends"),
    (r"\R", r"\mathbb{R}", True, "two ways to set it"),
    (r"\mathbb{Z}", r"\mathbf{Z}", True, "two ways to set it"),
    (r"\mathbb{Z}", r"\mathbb{R}", False, "another set"),
]
LISTS: list[Row] = [
    ("1,2,3", "(1,2,3)", True, "a list in parentheses"),
    ("2,4,3", "(2,3,4)", False, "another order"),
    ("1,2", r"\{1,2\}", True, "braces"),
    ("1,2", "{1,2}", True, "bare braces"),
    ("(1;2)", "(1,2)", True, "semicolon"),
    ("(1,2),(3,4)", "$(1,2)$,$(3,4)$", True, "delimiters inside"),
    ("1,2", "1,2,2", True, "a set repeats nothing"),
    ("1,1,2", "1,2,2", False, "which is repeated matters where both repeat"),
    ("6,-1", "-1,6", True, "any order"),
    ("(1,2)", "1,2", False, "a point or interval is no list of two"),
    (r"\{\{1\},\{2\}\}", r"\{1,2\}", False, "sets of sets"),
    (r"\{5\}", "5", True, "the only element"),
    ("0,123", "123", False, "no thousands begin with 0"),
    ("x=1,y=2", "y=2,x=1", True, "by name"),
    ("x=1,y=2", "x=2,y=1", False, "by name"),
    ("(5,3)", "x=5, y=3", True, "a pair by name"),
    ("(3,5)", "x=5, y=3", False, "a pair by name"),
    ("(1,2)", r"\langle 1,2 \rangle", True, "a vector"),
    ("(1,2)", "（1，2）", True, "full width"),
    (r"1 \pm \sqrt{2}", r"1+\sqrt2, 1-\sqrt2", True, "both signs"),
    ("x=3 or x=5", "5, 3", True, "words between"),
]
UNITS: list[Row] = [
    ("5", "5 m", True, "one letter behind a blank"),
    ("5", "5m", False, "a product"),
    ("7", "7days", True, "no blank"),
    (r"20\%", "20 pct", True, "percent"),
    ("12000", "12 000", True, "a blank between thousands"),
    ("1200.5", "1,200.50$", True, "the dollar behind"),
    ("5", "5 m/s", True, "a quotient"),
    ("5", "5 km/h", True, "a quotient"),
    ("5 km/h", "5 m/s", False, "another unit"),
    ("30", "30 min", True, "a short name"),
    (r"12\pi", r"12\pi square units", True, "bare words"),
    ("5", "5€", True, "a sign behind"),
    ("14", "14 keys", True, "a noun"),
    ("5", "5 million", False, "a number word"),
    ("5000000", "5 million", True, "a number word"),
    ("3", "3 dozen", False, "a number word"),
    ("36", "3 dozen", True, "a number word"),
    ("4", "4 squared", False, "a power"),
    ("16", "4 squared", True, "a power"),
    ("7", r"7 \text{ is wrong}", False, "a statement"),
    ("12.5 seconds", "125 seconds", False, "the point counts"),
    ("1:15 pm", "11:5 pm", False, "the colon counts"),
    (r"\text{1:15 p.m.}", "1:15 PM", True, "points and case do not"),
    (r"30^\circ", "30'", False, "minutes are no degrees"),
    (r"5 \text{ cm}", r"5 \text{ cm}^2", False, "an area"),
    (r"440\text{ cm}^2", r"440 \text{ square centimeters}", True, "an area"),
    (r"\$7", "7 dollars", True, "currency"),
    (r"2\text{ hours}", "2 h", True, "names of one unit"),
    ("€5", "£5", False, "another currency"),
    ("€5", r"\$5", False, "another currency"),
    (r"£5", r"\$5", False, "another currency"),
    ("€5", "5 euros", True, "one currency"),
    (r"\$5", "5 USD", True, "one currency"),
    ("£5", r"\pounds 5", True, "one currency"),
    ("£5", "5 pounds", True, "one currency"),
    ("441 lb", r"441\text{ pounds}", True, "a weight"),
    (r"\$5", "5 pounds", False, "another currency"),
    (r"\$5", "5 cents", False, "another coin"),
    ("€5", "5", True, "a currency on one side"),
    ("€5 million", "£5 million", False, "another currency"),
    (r"25^\circ\text{C}", "25", True, "a temperature on one side"),
    (r"25^\circ\text{C}", "24", False, "another temperature"),
    ("25°C", "25 degrees Celsius", True, "a temperature in words"),
    ("25℃", r"25\ ^\circ \mathrm{C}", True, "one sign for degrees Celsius"),
    ("25°C", "25 degrees Fahrenheit", False, "another scale"),
    ("25°C", r"25^\circ\text{F}", False, "another scale"),
    ("25°C", "25°", True, "the scale on one side"),
    (r"\text{-}5^\circ\text{C}", "-5°C", True, "below zero"),
    (r"30^\circ", "30 degrees", True, "an angle"),
]
TIMES_AND_RATIOS: list[Row] = [
    ("3:15 p.m.", "4:20 p.m.", False, "3/15 is not meant"),
    ("2:20", "1:10", False, "times"),
    ("0:45", "0:30", False, "times"),
    ("1:05", "0.2", False, "a time is no quotient"),
    ("2:30 h", "1:15 h", False, "spans of time"),
    ("2:30 h", "2:30", True, "a unit on one side"),
    ("03:15", "3:15", True, "a zero before the hour"),
    ("13:30", "1:30 PM", True, "a clock of 24 hours"),
    ("13:30", "1:30 AM", False, "the other half of the day"),
    ("12:00 AM", "0:00", True, "midnight"),
    ("12:00 PM", "0:00", False, "noon"),
    ("1:30 PM", "1:30", True, "the half of the day stands on one side"),
    ("1:30 PM", "1:30 AM", False, "the other half of the day"),
    (r"8\!:\!34 \text{ p.m.}", "8:34 PM", True, "spaced as in MATH"),
    (r"4\!:\!51\!:\!06 \text{ p.m.}", "4:51:06", True, "seconds"),
    ("4:51:06 p.m.", "4:51:07", False, "seconds"),
    (r"10\text{:}00", "10:00", True, "the colon set as text"),
    ("3:1", "6:2", True, "a ratio"),
    ("3:2", "2:3", False, "in its order"),
    ("27:20", "54:40", True, "no hour 27"),
    ("3:2", "1.5", True, "a ratio of two is a value"),
    (r"\sqrt2:1", r"\sqrt{2}", True, "a ratio of two is a value"),
    ("1:3", "0.3333", True, "which a decimal may round"),
    ("1:0.5", "2:1", True, "decimals"),
    ("-1:3", "1:-3", True, "a common factor of -1"),
    ("1:2:3", "1:3:2", False, "term by term"),
    ("2:4:6", "1:2:3", True, "a common factor of 2"),
    ("5:12:13", "10:24:26", True, "no time: nothing says the half of the day"),
    ("5:12:13", "10:24:25", False, "another last term"),
    ("1:2:3", "1/6", False, "three terms are no value"),
    ("1:2:3", "1:2", False, "fewer terms"),
    ("0:1:2", "0:2:4", True, "a term that is zero"),
    ("0:1:2", "1:0:0", False, "another term is zero"),
    (r"1:\sqrt{3}:2", r"\frac12:\frac{\sqrt3}{2}:1", True, "halved"),
    (r"1:\sqrt{3}:2", r"\sqrt{3}:1:2", False, "in its order"),
    ("x:y:z=1:2:3", "2:4:6", True, "of names"),
    ("x:y:z=1:2:3", "x:y:z=1:3:2", False, "of names"),
    ("AB:BC = 2:3", "4:6", True, "of segments"),
    ("2 cm:3 cm", "4:6", True, "with units"),
    ("1:2, 3:4", "6:8, 2:4", True, "a list of ratios"),
]
CASE_AND_PRIMES: list[Row] = [
    ("2B", "2b", False, "two variables"),
    (r"\frac{N}{2}", r"\frac{n}{2}", False, "two variables"),
    ("X", "x", False, "two variables"),
    (r"\text{odd}", "Odd.", True, "words"),
    ("f'(x)", "f(x)", False, "the derivative"),
    ("A'", "A", False, "another point"),
    ("ab", "aB", False, "two variables"),
]
NOTATION: list[Row] = [
    (r"\frac{\pi}{3}", "pi/3", True, "plain"),
    (r"2\sqrt{3}", "2sqrt(3)", True, "plain"),
    ("e^9", "exp(9)", True, "plain"),
    ("x^2", "x**2", True, "Python"),
    (r"\frac{1}{2}", "½", True, "Unicode"),
    (r"\sqrt{10}", "√10", True, "Unicode"),
    (r"2\sqrt{3}", "2√3", True, "Unicode"),
    (r"\sqrt{x+1}", "√(x+1)", True, "Unicode"),
    ("x^2", "x²", True, "Unicode"),
    ("10^{-3}", "10⁻³", True, "Unicode"),
    (r"2 \cdot x", "2·x", True, "Unicode"),
    ("61", "**61**", True, "Markdown"),
    ("5", "`5`", True, "Markdown"),
    ("5", r"\bm{5}", True, "bold"),
    ("5", r"{\bf 5}", True, "bold"),
    ("5", "*5*", True, "Markdown"),
    ("2*3", "23", False, "a product"),
    ("5", "__5__", True, "Markdown"),
    ("5", r"\underline{5}", True, "underlined"),
    ("5", r"\color{red}{5}", True, "coloured"),
    ("2^3", "2**3", True, "Python"),
    ("x^2", "2x", False, "another function"),
    (r"\sqrt{2}", "√3", False, "another root"),
]
ALGEBRA: list[Row] = [
    ("2", "(1+i)(1-i)", True, "the imaginary unit"),
    (r"-\infty", r"\ln 0", False, "a logarithm of zero has no value"),
    ("0", r"\frac{1}{\infty}", True, "the value of infinity itself"),
    ("-1", r"e^{i\pi}", True, "the imaginary unit"),
    ("1/2", r"\cos 60^\circ", True, "degrees"),
    (r"\frac{\sqrt3}{2}", r"\sin 60^{\circ}", True, "degrees"),
    ("1/3", r"0.\overline{3}", True, "a repeating decimal"),
    ("7/12", r"0.58\overline{3}", True, "a repeating decimal"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\left[\begin{array}{c}1\\2\end{array}\right]", True, "an array"),
    ("x=1,y=2", r"\begin{cases} x=1 \\ y=2 \end{cases}", True, "cases"),
    (r"\pi k", r"\pi k, k\in\mathbb{Z}", True, "over which k it runs"),
    (r"\pi k", r"\pi k \text{ for } k \in \mathbb{Z}", True, "over which k it runs"),
    ("1/3", r"0.333\ldots", True, "a repeating decimal"),
    ("2/11", "0.1818...", True, "a repeating decimal"),
    ("1/6", r"0.1666\dots", True, "a repeating decimal"),
    ("0.33", r"0.333\ldots", False, "a third"),
    (r"\pi", r"3.14159\ldots", False, "digits that do not repeat say no value"),
    ("f(x+1)", "f(x)+f(1)", False, "f is no factor"),
    (r"\sin^2 x", r"1-\cos^2 x", True, "an identity"),
    (r"\sqrt{x^2}", "x", False, "not where x is negative"),
    (r"\sqrt[3]{-8}", "-2", True, "the real root"),
    (r"\log_2 8", "3", True, "a logarithm"),
    (r"\binom{5}{2}", "10", True, "a binomial coefficient"),
    ("5!", "120", True, "a factorial"),
    (r"\frac{1}{2004!}", r"\frac{5}{2004!}", False, "tiny is not zero"),
    (r"\tan(\arctan 2)", "2", True, "an inverse"),
]
KINDS = {
    "rounded": ROUNDED, "choices": CHOICES, "left sides": LEFT_SIDES, "ranges": RANGES, "lists": LISTS,
    "units": UNITS, "times and ratios": TIMES_AND_RATIOS, "case and primes": CASE_AND_PRIMES, "notation": NOTATION,
    "algebra": ALGEBRA,
}  # fmt: skip


@pytest.mark.parametrize(
    ("reference", "given", "equal"),
    [
        pytest.param(*row[:3], id=f"{kind}: {row[0]} / {row[1]}: {row[3]}")
        for kind, rows in KINDS.items()
        for row in rows
    ],
)
def test_answers_of_each_kind(answers: AnswerChecker, reference: str, given: str, equal: bool) -> None:
    assert answers.equivalent(reference, given) is equal
    assert answers.equivalent(given, reference) is equal


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Let us now solve w + 4 = 9 for w", None),
        ("We need to find x when 3x = 12", None),
        (r"the value is \(-\frac{7}{9}\).", r"-\frac{7}{9}"),
        ("Hence $y = x^2 + 4$.", "y = x^2 + 4"),
        ("it is $10^6$", "10^6"),
        ("The final answer is\n\\[\n\\frac{1}{4}\n\\]", r"\frac{1}{4}"),
        ("#### C", "C"),
        ("#### Conclusion\nThe total is 12.", "12"),
        ("##### Conclusion\nThe total is 12.", "12"),
        ("#### Step 1: Add\n3 + 4 = 7\n\n#### Step 2: Double\n7 * 2 = 14", "14"),
        ("The answer is 5.\n#### Check\n2 + 3 = 5", "5"),
        ("3 + 4 = 7\n#### 7\nThat is all 9 of us know.", "7"),
        ("3 + 4 = 7\n#### 7 apples\n\n", "7 apples"),
        ("Answer: C", "C"),
        (r"**Answer:** $\frac{3}{7}$", r"\frac{3}{7}"),
        (r"so x=\frac{3}{4}", r"\frac{3}{4}"),
        ("The answer is 7, since 3+4=7.", "7"),
        ("**The answer is: 7**", "7"),
        ("The answer is 7 keys (step 3).", "7 keys"),
        (r"The answer is $\$7$.", r"\$7"),
        (r"The answer is 7. I put it in a \boxed notation.", "7"),
        (r"x = \boxed{6} or x = \boxed{-1}", "6,-1"),
        (r"$\boxed{4}$ and $\boxed{5}$", "4,5"),
        (r"First $\boxed{4}$. So the sum of both is $\boxed{9}$", "9"),
        (r"$\boxed{1,2}$ and $\boxed{3,4}$", "(1,2),(3,4)"),
        (r"$\boxed{1,234}$ or $\boxed{5,678}$", "1234,5678"),
        (r"The integers are \(-1, 0,\) and \(1\).", "-1, 0, 1"),
        (r"The solutions are $x = 3$ and $x = 5$.", "x = 3, x = 5"),
        (r"**Final Answer:** The values of $x$ for which $f(x) = g(x)$ are $x = 5$ and $x = -2$.", "x = 5, x = -2"),
        (r"a triangle where $a = 3$ and $b = 4$.", "b = 4"),
        ("The correct option is B.", "B"),
        ("So she has 7 apples (3 + 4).", "7"),
        (r"is $f(x) = 1 - x$. It is injective, as its slope (\(-1\)) is not zero.", "f(x) = 1 - x"),
        (r"So, \( x = 14 \) and \( y = 15 \) is not a solution.", None),
        ("So 5 does not work.", None),
        ("So she has 8 eggs. This is a classic example 2", "8"),
        ("Therefore x = 8. (See Theorem 2.)", "8"),
        ("She spends a total of 34 hours on yoga in 4 weeks.", "34"),
        (r"He reads $700$ pages in 7 days", "700"),
        ("It was founded in 1990.", "1990"),
        ("The largest has 1,250 pages because 1,250 > 1,200.", "1,250"),
        ("We add what we need: 1 case + 4 cases = 5 cases", "5"),
        ("so we have 50 - 33 = 17 crates", "17"),
        ("The answer is approximately 3.14", "3.14"),
        ("The answer is about 25%.", "25%"),
        ("The answer is 5, not 6.", "5"),
        ("The answer is 5 rather than 6.", "5"),
        ("The answer is: the limit does not exist.", "the limit does not exist"),
        ("she pays $3.50 for each and $14.00 in total.", "14.00"),
        ("Henry will be paid 8 * 18 = $144 for painting and selling 8 bikes.", "144"),
        ("The answer is x^2 + y^2 = 13.", "x^2 + y^2 = 13"),
        ("The ratio is 3:2.", "3:2"),
        ("They stand 1:2:3", "1:2:3"),
        ("It starts at 3:30.", "3:30"),
        ("It starts at 3:30 p.m.", "3:30 p.m."),
        ("The area is 16π.", "16π"),
        ("The area is 16 pi.", "16 pi"),
        ("The angle is π/2.", "π/2"),
        ("The length is 2√3", "2√3"),
        ("The length is √3/2.", "√3/2"),
        ("The length is 2sqrt(3)", "2sqrt(3)"),
        ("The value is 1.5 × 10^3.", "1.5 × 10^3"),
        ("The value is 1.2 x 10^-5.", "1.2 x 10^-5"),
        ("There are 2^10.", "2^10"),
        ("The area is 5 m^2.", "5"),
        ("It takes 2 3/4 hours", "2 3/4"),
        ("It is .5", ".5"),
        ("The point is (3, -4).", "(3, -4)"),
        ("The interval is [2, 5).", "[2, 5)"),
        ("He paid (1,234)", "1,234"),
        ("so f(3, 4) = 12", "12"),
        ("the minimum value is $-4$ at $x = 2$.", "-4"),
        ("the minimum value is -4 at x = 2.", "-4"),
        ("The maximum is attained at $x = 2$.", "x = 2"),
    ],
)
def test_what_a_text_states(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer


def test_the_last_sentence_of_a_human_solution_states_its_answer(data_dir: Path) -> None:
    """In GSM8K the answer stands behind ####; here only the sentence before it is read."""
    with (data_dir / "gsm8k-train" / "train.jsonl").open() as file:
        solutions = [json.loads(line)["answer"].rpartition("\n####") for line in file]
    sentences = [(re.sub("<<[^>]*>>", "", text.rpartition("\n")[2]), answer) for text, _, answer in solutions]
    right = [quick_decision(answer.strip(), extract_answer(last) or "") for last, answer in sentences]
    assert len(right) == 7473
    assert right.count(True) / len(right) >= 0.98


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        (r"so $x=\boxed{1}$ or $x=\boxed{-1}$", "1,-1"),
        (r"so $b = \boxed{-3}.$ If $r = -1,$ then $1988 - b = 0,$ so $b = \boxed{3}.$", "-3,3"),
        (r"$d=\boxed{-3}$. Note: $\boxed{3}$ is also accepted as an answer.", "-3"),
        (r"which gives $\boxed{7}$. Thus $a=5$, and the sum is $\boxed{12}$.", "12"),
        (r"length is $\boxed{10}$. - OR - We note it must be $\boxed{10}$.", "10"),
        (r"so $\boxed{11}=2$. Therefore, $6$ is our answer.", "6"),
    ],
)
def test_a_reference_with_several_boxes(solution: str, answer: str | None) -> None:
    assert boxed_answer(solution) == answer
