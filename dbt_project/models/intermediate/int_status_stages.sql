with

lines as (

    select
        source_system,
        workflow,
        {{ known_as('status') }} as status,
        stage,
        valid_from,
        valid_to

    from {{ own_first('status_stages') }} as mapped_lines

),

-- What a company says of the statuses of one project, or of one status by its id.
own_lines as (

    select
        source_system,
        workflow,
        scope,
        status_id,
        {{ known_as('status') }} as status,
        stage,
        valid_from,
        valid_to

    from {{ ref('project_status_stages') }}

),

stages as (

    select * from {{ own_first('stages') }} as stages

),

projects as (

    select * from {{ ref('stg_jira__projects') }}

),

jira_statuses as (

    select
        names.id as status_id,
        names.known_as as status,
        coalesce(projects.project_key, '*') as scope,
        statuses.category

    from {{ ref('int_jira_names') }} as names

    left join {{ ref('stg_jira__statuses') }} as statuses
        on names.id = statuses.status_id

    left join projects
        on names.project_id = projects.project_id

    where names.object = 'status' and names.row_num = 1 and not names.is_foreign

),

mapped_names as (

    select distinct
        workflow,
        status

    from lines

    where source_system = 'jira'

),

-- A status that no line has by its name is the one that a line has by another of its names: the
-- one before translation, or one that it had.
named as (

    select
        jira_statuses.status_id,
        jira_statuses.status,
        jira_statuses.scope,
        jira_statuses.category,
        mapped_names.workflow,
        mapped_names.status as mapped_status,
        row_number() over (
            partition by jira_statuses.status_id, mapped_names.workflow
            order by aliases.row_num
        ) as row_num

    from jira_statuses

    inner join {{ ref('int_jira_names') }} as aliases
        on jira_statuses.status_id = aliases.id

    inner join mapped_names
        on aliases.known_as = mapped_names.status

    where aliases.object = 'status' and not aliases.is_foreign

),

-- Where work ends, and where it begins: what the category of a project's own status means.
ends_of_workflows as (

    select
        workflow,
        min(case when is_finished_boundary then ordinal end) as done_ordinal,
        min(case when flow_state = 'new' and ordinal > 0 then ordinal end) as new_ordinal,
        min(case when is_started_boundary and ordinal > 0 then ordinal end) as started_ordinal

    from stages

    group by 1

),

-- A team-managed project names its statuses as it likes. Jira's own category says whether work is
-- finished there, against what the name means elsewhere.
of_jira as (

    select
        named.workflow,
        named.scope,
        named.status_id,
        named.status,
        named.mapped_status,
        case
            when
                named.scope <> '*'
                and named.category in ('new', 'indeterminate', 'done')
                and (named.category = 'done') <> (mapped.flow_state in ('done', 'cancelled'))
                then coalesce(by_category.stage, lines.stage)
            else lines.stage
        end as stage,
        lines.valid_from,
        lines.valid_to

    from named

    inner join lines
        on
            lines.source_system = 'jira'
            and named.workflow = lines.workflow
            and named.mapped_status = lines.status

    inner join stages as mapped
        on
            lines.workflow = mapped.workflow
            and lines.stage = mapped.stage

    inner join ends_of_workflows as ends
        on named.workflow = ends.workflow

    left join stages as by_category
        on
            named.workflow = by_category.workflow
            and by_category.ordinal = case named.category
                when 'done' then ends.done_ordinal
                when 'new' then ends.new_ordinal
                else ends.started_ordinal
            end
            and (by_category.flow_state = 'done') = (named.category = 'done')

    where named.row_num = 1

),

unioned as (

    select
        own_lines.source_system,
        own_lines.workflow,
        coalesce(own_lines.scope, jira_statuses.scope, '*') as scope,
        coalesce(own_lines.status, jira_statuses.status) as status,
        own_lines.stage,
        own_lines.valid_from,
        own_lines.valid_to,
        case when own_lines.status_id is null then 2 else 1 end as rank_no,
        coalesce(own_lines.status_id, '') as status_id

    from own_lines

    left join jira_statuses
        on own_lines.status_id = jira_statuses.status_id

    union all

    select
        source_system,
        workflow,
        '*' as scope,
        status,
        stage,
        valid_from,
        valid_to,
        3 as rank_no,
        '' as status_id

    from lines

    union all

    select
        'jira' as source_system,
        workflow,
        scope,
        status,
        stage,
        valid_from,
        valid_to,
        4 as rank_no,
        status_id

    from of_jira

    where scope <> '*' or status <> mapped_status

),

-- The lines of a status are all of one origin: those that say it most exactly.
ranked as (

    select
        *,
        dense_rank() over (
            partition by source_system, workflow, scope, status
            order by rank_no, status_id
        ) as row_num

    from unioned

    where status is not null

),

final as (

    select
        source_system || '|' || workflow || '|' || scope || '|' || status || '|'
        || coalesce(cast(valid_from as varchar), 'always') as status_stage_id,
        source_system,
        workflow,
        scope,
        status,
        stage,
        valid_from,
        valid_to

    from ranked

    where row_num = 1

)

select * from final
