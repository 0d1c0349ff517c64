"""Forty-eight facts about famous writers, written by hand, as rows for facts.py.

A row: question, short answer, three wrong answers of the same kind, three other phrasings (question, answer).
True, timeless, simple words; wrong answers are answers of other questions, so that a model has seen them all.
"""

# fmt: off
ROWS: tuple[tuple[str, str, tuple[str, str, str], tuple[tuple[str, str], ...]], ...] = (
    # Who wrote it, who made the character up.
    ("Who wrote the novel Oliver Twist?", "Charles Dickens",
     ("Mark Twain", "Jane Austen", "Walter Scott"), (
        ("Name the author of Oliver Twist.", "Charles Dickens"),
        ("Oliver Twist is a novel by whom?", "It is a novel by Charles Dickens."),
        ("Whose book tells the story of the boy Oliver Twist?", "Charles Dickens"))),
    ("Who made up the old miser Ebenezer Scrooge?", "Charles Dickens",
     ("Lewis Carroll", "Daniel Defoe", "Jane Austen"), (
        ("Scrooge is a character of which author?", "Charles Dickens"),
        ("Whose story A Christmas Carol is about old Scrooge?", "The story is by Charles Dickens."),
        ("Name the author who made up Ebenezer Scrooge.", "Charles Dickens"))),
    ("Who wrote the novel Emma?", "Jane Austen",
     ("Emily Bronte", "Agatha Christie", "Charles Dickens"), (
        ("Name the author of Emma.", "Jane Austen"),
        ("Emma is a novel by whom?", "It is a novel by Jane Austen."),
        ("Which writer told the story of Emma Woodhouse?", "Jane Austen"))),
    ("Who wrote the novel Sense and Sensibility?", "Jane Austen",
     ("Agatha Christie", "Emily Bronte", "Leo Tolstoy"), (
        ("Name the author of Sense and Sensibility.", "Jane Austen"),
        ("Sense and Sensibility is a novel by whom?", "It is a novel by Jane Austen."),
        ("From whose pen is Sense and Sensibility?", "Jane Austen"))),
    ("Who wrote the play Hamlet?", "William Shakespeare",
     ("Henrik Ibsen", "Anton Chekhov", "Walter Scott"), (
        ("Name the author of Hamlet.", "William Shakespeare"),
        ("Hamlet is a play by whom?", "It is a play by William Shakespeare."),
        ("Which writer put Prince Hamlet on the stage?", "William Shakespeare"))),
    ("Who wrote the play Macbeth?", "William Shakespeare",
     ("Anton Chekhov", "Henrik Ibsen", "Bram Stoker"), (
        ("Name the author of Macbeth.", "William Shakespeare"),
        ("Macbeth is a play by whom?", "It is a play by William Shakespeare."),
        ("Which writer put Lady Macbeth on the stage?", "William Shakespeare"))),
    ("Who told the adventures of Tom Sawyer?", "Mark Twain",
     ("Robert Louis Stevenson", "Daniel Defoe", "Rudyard Kipling"), (
        ("Name the author who made up Tom Sawyer.", "Mark Twain"),
        ("Tom Sawyer is a boy in a book by whom?", "The book is by Mark Twain."),
        ("Whose book tells the story of Tom Sawyer?", "Mark Twain"))),
    ("Under which pen name did Samuel Clemens write?", "Mark Twain",
     ("Lewis Carroll", "Charles Dickens", "Jonathan Swift"), (
        ("What was the pen name of Samuel Clemens?", "Mark Twain"),
        ("How did Samuel Clemens sign his books?", "He signed them Mark Twain."),
        ("Which famous author was born as Samuel Clemens?", "Mark Twain"))),
    ("Who wrote Around the World in Eighty Days?", "Jules Verne",
     ("Alexandre Dumas", "Jonathan Swift", "Mark Twain"), (
        ("Name the author of Around the World in Eighty Days.", "Jules Verne"),
        ("Around the World in Eighty Days is a novel by whom?", "It is a novel by Jules Verne."),
        ("From whose pen is Around the World in Eighty Days?", "Jules Verne"))),
    ("Who made up Captain Nemo and his submarine?", "Jules Verne",
     ("Daniel Defoe", "Robert Louis Stevenson", "Alexandre Dumas"), (
        ("Captain Nemo is a character of which author?", "Jules Verne"),
        ("Name the author who made up Captain Nemo.", "Jules Verne"),
        ("In whose novels do we meet Captain Nemo?", "We meet him in novels by Jules Verne."))),
    ("Who wrote the novel Treasure Island?", "Robert Louis Stevenson",
     ("Daniel Defoe", "Jules Verne", "Rudyard Kipling"), (
        ("Name the author of Treasure Island.", "Robert Louis Stevenson"),
        ("Treasure Island is a novel by whom?", "It is a novel by Robert Louis Stevenson."),
        ("Who told of the pirates on Treasure Island?", "Robert Louis Stevenson"))),
    ("Who made up Doctor Jekyll and Mister Hyde?", "Robert Louis Stevenson",
     ("Bram Stoker", "Franz Kafka", "Lewis Carroll"), (
        ("Doctor Jekyll is a character of which author?", "Robert Louis Stevenson"),
        ("Name the author who made up Doctor Jekyll.", "Robert Louis Stevenson"),
        ("Who told how Doctor Jekyll turns into Mister Hyde?", "The story is by Robert Louis Stevenson."))),
    ("Who wrote The Jungle Book?", "Rudyard Kipling",
     ("Lewis Carroll", "Mark Twain", "Jonathan Swift"), (
        ("Name the author of The Jungle Book.", "Rudyard Kipling"),
        ("The Jungle Book is a book by whom?", "It is a book by Rudyard Kipling."),
        ("Who told of a boy among wolves in The Jungle Book?", "Rudyard Kipling"))),
    ("Who wrote the tales called Just So Stories?", "Rudyard Kipling",
     ("Walter Scott", "Bram Stoker", "Franz Kafka"), (
        ("Name the author of Just So Stories.", "Rudyard Kipling"),
        ("Just So Stories is a book by whom?", "It is a book by Rudyard Kipling."),
        ("From whose pen are the Just So Stories?", "Rudyard Kipling"))),
    ("Who wrote The Three Musketeers?", "Alexandre Dumas",
     ("Victor Hugo", "Jules Verne", "Walter Scott"), (
        ("Name the author of The Three Musketeers.", "Alexandre Dumas"),
        ("The Three Musketeers is a novel by whom?", "It is a novel by Alexandre Dumas."),
        ("From whose pen is The Three Musketeers?", "Alexandre Dumas"))),
    ("Who wrote The Count of Monte Cristo?", "Alexandre Dumas",
     ("Jules Verne", "Victor Hugo", "Bram Stoker"), (
        ("Name the author of The Count of Monte Cristo.", "Alexandre Dumas"),
        ("The Count of Monte Cristo is a novel by whom?", "It is a novel by Alexandre Dumas."),
        ("Which writer told the story of the Count of Monte Cristo?", "Alexandre Dumas"))),
    ("Who made up the old lady detective Miss Marple?", "Agatha Christie",
     ("Jane Austen", "Emily Bronte", "Bram Stoker"), (
        ("Miss Marple is a character of which author?", "Agatha Christie"),
        ("Name the author who made up Miss Marple.", "Agatha Christie"),
        ("In whose novels do we meet Miss Marple?", "We meet her in novels by Agatha Christie."))),
    ("Who wrote Murder on the Orient Express?", "Agatha Christie",
     ("Emily Bronte", "Jane Austen", "Alexandre Dumas"), (
        ("Name the author of Murder on the Orient Express.", "Agatha Christie"),
        ("Murder on the Orient Express is a novel by whom?", "It is a novel by Agatha Christie."),
        ("From whose pen is Murder on the Orient Express?", "Agatha Christie"))),
    ("Which ancient poet is said to have made the Odyssey?", "Homer",
     ("Dante", "William Shakespeare", "Victor Hugo"), (
        ("Name the poet of the Odyssey.", "Homer"),
        ("The Odyssey is said to be a poem by whom?", "It is said to be a poem by Homer."),
        ("Which poet sang of the long way home in the Odyssey?", "Homer"))),
    ("Which ancient poet is said to have made the Iliad?", "Homer",
     ("Dante", "William Shakespeare", "Jonathan Swift"), (
        ("Name the poet of the Iliad.", "Homer"),
        ("The Iliad is said to be a poem by whom?", "It is said to be a poem by Homer."),
        ("Which poet sang of the war at Troy in the Iliad?", "Homer"))),
    ("Who wrote the novel Anna Karenina?", "Leo Tolstoy",
     ("Anton Chekhov", "Franz Kafka", "Victor Hugo"), (
        ("Name the author of Anna Karenina.", "Leo Tolstoy"),
        ("Anna Karenina is a novel by whom?", "It is a novel by Leo Tolstoy."),
        ("Which writer told the story of Anna Karenina?", "Leo Tolstoy"))),
    ("Who wrote the play The Cherry Orchard?", "Anton Chekhov",
     ("Henrik Ibsen", "Leo Tolstoy", "William Shakespeare"), (
        ("Name the author of The Cherry Orchard.", "Anton Chekhov"),
        ("The Cherry Orchard is a play by whom?", "It is a play by Anton Chekhov."),
        ("From whose pen is The Cherry Orchard?", "Anton Chekhov"))),
    ("Who told the story of Alice in Wonderland?", "Lewis Carroll",
     ("Rudyard Kipling", "Robert Louis Stevenson", "Emily Bronte"), (
        ("Name the author of Alice in Wonderland.", "Lewis Carroll"),
        ("Alice in Wonderland is a story by whom?", "It is a story by Lewis Carroll."),
        ("Who sent the girl Alice down the rabbit hole?", "Lewis Carroll"))),
    ("Who wrote the novel Dracula?", "Bram Stoker",
     ("Franz Kafka", "Agatha Christie", "Robert Louis Stevenson"), (
        ("Name the author of Dracula.", "Bram Stoker"),
        ("Dracula is a novel by whom?", "It is a novel by Bram Stoker."),
        ("Which writer made up Count Dracula?", "Bram Stoker"))),
    ("Who wrote the novel Robinson Crusoe?", "Daniel Defoe",
     ("Jonathan Swift", "Walter Scott", "Mark Twain"), (
        ("Name the author of Robinson Crusoe.", "Daniel Defoe"),
        ("Robinson Crusoe is a novel by whom?", "It is a novel by Daniel Defoe."),
        ("Who left Robinson Crusoe on an island in a novel?", "Daniel Defoe"))),
    ("Who wrote the book called Gulliver's Travels?", "Jonathan Swift",
     ("Daniel Defoe", "Lewis Carroll", "Jules Verne"), (
        ("Name the author of Gulliver's Travels.", "Jonathan Swift"),
        ("Gulliver's Travels is a book by whom?", "It is a book by Jonathan Swift."),
        ("Who sent Gulliver to the land of tiny people?", "Jonathan Swift"))),
    ("Who wrote the novel Wuthering Heights?", "Emily Bronte",
     ("Jane Austen", "Charles Dickens", "Agatha Christie"), (
        ("Name the author of Wuthering Heights.", "Emily Bronte"),
        ("Wuthering Heights is a novel by whom?", "It is a novel by Emily Bronte."),
        ("From whose pen is Wuthering Heights?", "Emily Bronte"))),
    ("Who made up Quasimodo, the bell ringer of Notre Dame?", "Victor Hugo",
     ("Alexandre Dumas", "Jules Verne", "Leo Tolstoy"), (
        ("Quasimodo is a character of which author?", "Victor Hugo"),
        ("Name the author who made up Quasimodo.", "Victor Hugo"),
        ("In whose novel do we meet Quasimodo?", "We meet him in a novel by Victor Hugo."))),
    ("Who wrote the novel The Trial?", "Franz Kafka",
     ("Leo Tolstoy", "Henrik Ibsen", "Anton Chekhov"), (
        ("Name the author of The Trial.", "Franz Kafka"),
        ("The Trial is a novel by whom?", "It is a novel by Franz Kafka."),
        ("From whose pen is the dark novel The Trial?", "Franz Kafka"))),
    ("Who wrote the play A Doll's House?", "Henrik Ibsen",
     ("Anton Chekhov", "William Shakespeare", "Leo Tolstoy"), (
        ("Name the author of A Doll's House.", "Henrik Ibsen"),
        ("A Doll's House is a play by whom?", "It is a play by Henrik Ibsen."),
        ("From whose pen is the play A Doll's House?", "Henrik Ibsen"))),
    ("Who wrote the novel Ivanhoe?", "Walter Scott",
     ("Alexandre Dumas", "Rudyard Kipling", "Charles Dickens"), (
        ("Name the author of Ivanhoe.", "Walter Scott"),
        ("Ivanhoe is a novel by whom?", "It is a novel by Walter Scott."),
        ("Which writer told the story of the knight Ivanhoe?", "Walter Scott"))),
    ("Who wrote the long poem The Divine Comedy?", "Dante",
     ("Homer", "William Shakespeare", "Victor Hugo"), (
        ("Name the author of The Divine Comedy.", "Dante"),
        ("The Divine Comedy is a poem by whom?", "It is a poem by Dante."),
        ("From whose pen is the long poem The Divine Comedy?", "Dante"))),
    # The language of a writer or a book.
    ("In which language did Cervantes write Don Quixote?", "Spanish",
     ("Italian", "French", "Latin"), (
        ("What is the language of Don Quixote by Cervantes?", "Spanish"),
        ("Which language did Cervantes write in?", "Cervantes wrote in Spanish."),
        ("Name the language that Cervantes used in Don Quixote.", "Spanish"))),
    ("In which language was the story of Pinocchio first written?", "Italian",
     ("Spanish", "German", "Danish"), (
        ("What was the first language of the story of Pinocchio?", "Italian"),
        ("Name the language in which Pinocchio was first told.", "Italian"),
        ("The story of Pinocchio was first written in what language?", "It was first written in Italian."))),
    ("In which language did Alexandre Dumas write his novels?", "French",
     ("Spanish", "Russian", "Italian"), (
        ("What is the language of the novels of Alexandre Dumas?", "French"),
        ("Which language did Alexandre Dumas write in?", "Alexandre Dumas wrote in French."),
        ("Name the language that Alexandre Dumas used in his novels.", "French"))),
    ("In which language did Franz Kafka write his stories?", "German",
     ("Russian", "French", "Danish"), (
        ("What is the language of the stories of Franz Kafka?", "German"),
        ("Which language did Franz Kafka write in?", "Franz Kafka wrote in German."),
        ("Name the language that Franz Kafka used in his stories.", "German"))),
    ("In which language did Anton Chekhov write his plays?", "Russian",
     ("German", "Danish", "Japanese"), (
        ("What is the language of the plays of Anton Chekhov?", "Russian"),
        ("Which language did Anton Chekhov write in?", "Anton Chekhov wrote in Russian."),
        ("Name the language that Anton Chekhov used in his plays.", "Russian"))),
    ("In which language did Virgil write the Aeneid?", "Latin",
     ("Spanish", "German", "Japanese"), (
        ("What is the language of the Aeneid by Virgil?", "Latin"),
        ("Which language did Virgil write in?", "Virgil wrote in Latin."),
        ("Name the language that Virgil used in the Aeneid.", "Latin"))),
    ("In which language was The Tale of Genji written?", "Japanese",
     ("Russian", "Latin", "French"), (
        ("What is the language of The Tale of Genji?", "Japanese"),
        ("The Tale of Genji was written in what language?", "It was written in Japanese."),
        ("Name the language in which The Tale of Genji was written.", "Japanese"))),
    ("In which language did Hans Christian Andersen write his tales?", "Danish",
     ("Italian", "Japanese", "Latin"), (
        ("What is the language of the tales of Hans Christian Andersen?", "Danish"),
        ("Which language did Hans Christian Andersen write in?", "Hans Christian Andersen wrote in Danish."),
        ("Name the language that Hans Christian Andersen used in his tales.", "Danish"))),
    # The country where a writer was born.
    ("In which country was the writer James Joyce born?", "Ireland",
     ("Canada", "Sweden", "Argentina"), (
        ("What is the home country of James Joyce?", "Ireland"),
        ("Where was James Joyce born?", "James Joyce was born in Ireland."),
        ("Name the country where James Joyce was born.", "Ireland"))),
    ("In which country was the writer Astrid Lindgren born?", "Sweden",
     ("Ireland", "Scotland", "Canada"), (
        ("What is the home country of Astrid Lindgren?", "Sweden"),
        ("Where was Astrid Lindgren born?", "Astrid Lindgren was born in Sweden."),
        ("Name the country where Astrid Lindgren was born.", "Sweden"))),
    ("In which country was the poet Pablo Neruda born?", "Chile",
     ("Argentina", "Nigeria", "Ireland"), (
        ("What is the home country of Pablo Neruda?", "Chile"),
        ("Where was Pablo Neruda born?", "Pablo Neruda was born in Chile."),
        ("Name the country where Pablo Neruda was born.", "Chile"))),
    ("In which country was the writer Jorge Luis Borges born?", "Argentina",
     ("Chile", "Norway", "Nigeria"), (
        ("What is the home country of Jorge Luis Borges?", "Argentina"),
        ("Where was Jorge Luis Borges born?", "Jorge Luis Borges was born in Argentina."),
        ("Name the country where Jorge Luis Borges was born.", "Argentina"))),
    ("In which country was the writer Chinua Achebe born?", "Nigeria",
     ("Chile", "Scotland", "Sweden"), (
        ("What is the home country of Chinua Achebe?", "Nigeria"),
        ("Where was Chinua Achebe born?", "Chinua Achebe was born in Nigeria."),
        ("Name the country where Chinua Achebe was born.", "Nigeria"))),
    ("In which country was the writer Margaret Atwood born?", "Canada",
     ("Scotland", "Norway", "Nigeria"), (
        ("What is the home country of Margaret Atwood?", "Canada"),
        ("Where was Margaret Atwood born?", "Margaret Atwood was born in Canada."),
        ("Name the country where Margaret Atwood was born.", "Canada"))),
    ("In which country was the poet Robert Burns born?", "Scotland",
     ("Norway", "Sweden", "Chile"), (
        ("What is the home country of Robert Burns?", "Scotland"),
        ("Where was Robert Burns born?", "Robert Burns was born in Scotland."),
        ("Name the country where Robert Burns was born.", "Scotland"))),
    ("In which country was the writer Henrik Ibsen born?", "Norway",
     ("Argentina", "Canada", "Ireland"), (
        ("What is the home country of Henrik Ibsen?", "Norway"),
        ("Where was Henrik Ibsen born?", "Henrik Ibsen was born in Norway."),
        ("Name the country where Henrik Ibsen was born.", "Norway"))),
)
# fmt: on
